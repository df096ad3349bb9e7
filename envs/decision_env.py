"""What the environments have in common: one kind of decision, a row of features for each answer."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces

from agentsim_env.engine.decisions import ENDED, KINDS, ROUTE_TURN, STUCK, TRUNCATED
from agentsim_env.engine.entry import Core
from agentsim_env.engine.jit import compiled
from agentsim_env.engine.loop import advance
from agentsim_env.engine.router import asked_rule
from agentsim_env.engine.state import NONE
from agentsim_env.scenario import Scenario, load_scenario
from agentsim_env.simulator import SimulationError, Simulator, stuck_message
from agentsim_env.workload import Programs
from envs import rewards
from envs.episode import episode_metrics
from envs.rendering import ansi, rgb_array

LEAST_DRAWN_SEED = 1 << 20
"""Workload seeds that an environment draws itself start here, so that small seeds stay free for evaluation."""


class DecisionEnv(gymnasium.Env[np.ndarray, np.integer]):
    """An environment whose steps are the decisions of one kind; the scenario's rules answer all others.

    A subclass names the kind and its features, counts its actions and plays: advance with an action, observe, collect
    the reward.

    Attributes:
        kind: Kind of decision.
        feature_names: Columns of a row.
        candidate_shape: (actions, features): how to fold an observation.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012
    kind: ClassVar[str]
    feature_names: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        scenario: Scenario | str | None = None,
        overrides: Sequence[str] = (),
        render_mode: str | None = None,
    ) -> None:
        """See the class."""
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode {render_mode!r}: allowed are {self.metadata['render_modes']} and None")
        self.render_mode = render_mode
        if not isinstance(scenario, Scenario) or overrides:
            scenario = load_scenario(scenario, overrides)
        self.scenario = scenario
        self.simulator = Simulator(scenario, agent_kinds=(self.kind,))
        n = self.count_actions()
        self.candidate_shape: tuple[int, int] = (n, len(self.feature_names))
        self.observation_space = spaces.Box(-1.0, 1.0, (n * len(self.feature_names),), np.float32)
        self.action_space = spaces.Discrete(n)
        self._n = n
        self._price_per_s = sum(engine.price_per_hour for engine in self.simulator.engines) / 3600.0
        self._books = rewards.open_books(scenario.reward)
        self._rows = np.zeros(self.candidate_shape, np.float32)
        self._over = True

    @abstractmethod
    def count_actions(self) -> int:
        """Answers that a decision of this kind has, legal ones and others."""

    @abstractmethod
    def play(self, core: Core, books: np.ndarray, rows: np.ndarray, action: int) -> tuple[int, float]:
        """Answer the pending decision, run to the next, fill `rows` with its features, and collect the reward.

        Returns:
            What `advance` returns, and the reward.
        """

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode; see "Starting State" and "Arguments"."""
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(LEAST_DRAWN_SEED, 1 << 31))
        self.simulator.reset(seed, _programs(self.simulator, seed, options or {}))
        core = self.simulator.core
        warmup = self.scenario.episode.warmup_programs
        rewards.begin(self._books, self.scenario.reward, self.simulator.programs, warmup, self._price_per_s)
        self._core = core
        state = core.state
        self._allowed = state.allowed if self.kind == KINDS[ROUTE_TURN] else state.option[: self._n]
        asked, _ = self.play(core, self._books, self._rows, 0)
        self._books["paid"] = 0.0  # what led up to the first decision is charged with it
        self._over = asked < 0
        if self._over:
            raise SimulationError(
                f"the episode has no decision: at no time had {self.kind} more than one answer for a counted program"
                if asked != STUCK
                else stuck_message(state)
            )
        return self._rows.flatten(), {"action_mask": self._allowed.view(np.int8).copy()}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Answer with `action` and run until the next decision."""
        chosen = int(action)
        if not 0 <= chosen < self._n:
            raise ValueError(f"action {action!r} is outside Discrete({self._n}): actions are 0 to {self._n - 1}")
        if self._over:
            raise SimulationError("the episode is over: call reset()")
        asked, reward = self.play(self._core, self._books, self._rows, chosen)
        if asked >= 0:
            return self._rows.flatten(), reward, False, False, {"action_mask": self._allowed.view(np.int8).copy()}
        return self._last(asked, reward)

    def _last(self, asked: int, reward: float) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self._over = True
        self.simulator.finish(asked)
        info = {"action_mask": np.ones(self._n, np.int8), "refused_actions": int(self._books["refused"][0])}
        info.update(episode_metrics(self.simulator))
        return np.zeros(self._rows.size, np.float32), reward, asked == ENDED, asked == TRUNCATED, info

    def action_masks(self) -> np.ndarray:
        """Which answers are legal, `bool [actions]`; all of them once the episode is over."""
        return np.ones(self._n, bool) if self._over else self._allowed.astype(bool)

    def render(self) -> Any:
        """The instances now, as text or as a picture `uint8 [height, width, 3]`."""
        if self.render_mode == "ansi":
            return ansi(self.simulator)
        if self.render_mode == "rgb_array":
            return rgb_array(self.simulator)
        return None


def _programs(simulator: Simulator, seed: int, options: dict[str, Any]) -> Programs | None:
    known = {"window", "programs"}
    if unknown := set(options) - known:
        raise ValueError(f"options: unknown {', '.join(sorted(unknown))}; allowed are {', '.join(sorted(known))}")
    if options.get("window") is not None:
        return simulator.source.draw(seed, window=tuple(options["window"]))
    return options.get("programs")


@compiled
def answer(state, books, action):
    """Advance with an action, or with the rule's answer if the action is forbidden; returns what `advance` returns."""
    asked = state.world[0].asked
    if asked != NONE:
        legal = state.allowed[action] if asked == ROUTE_TURN else state.option[action]
        if not legal:
            books[0].refused += 1
            action = asked_rule(state)
    return advance(state, action)
