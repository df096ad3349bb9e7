"""What the environments have in common: episodes whose steps are decisions."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces

from agentsim_env.engine.decisions import ENDED, STUCK, TRUNCATED
from agentsim_env.scenario import Scenario, load_scenario
from agentsim_env.simulator import SimulationError, Simulator, stuck_message
from agentsim_env.workload import Programs
from envs import rewards
from envs.episode import episode_metrics
from envs.question import Question
from envs.rendering import ansi, rgb_array

LEAST_DRAWN_SEED = 1 << 20
"""Workload seeds that an environment draws itself start here, so that small seeds stay free for evaluation."""


class DecisionEnv(gymnasium.Env[np.ndarray, np.integer]):
    """An environment whose steps are decisions of some kinds; the scenario's rules answer all others.

    Attributes:
        default_scenario: Scenario of an environment that is made without one.
        feature_names: Columns of a row.
        candidate_shape: (actions, features): how to fold an observation.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012
    default_scenario: ClassVar[str]
    feature_names: tuple[str, ...]
    _asked: int
    _seen: np.ndarray
    _legal: np.ndarray

    def __init__(
        self,
        kinds: Sequence[str],
        scenario: Scenario | str | None = None,
        overrides: Sequence[str] = (),
        render_mode: str | None = None,
    ) -> None:
        """See the class."""
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode {render_mode!r}: allowed are {self.metadata['render_modes']} and None")
        self.render_mode = render_mode
        if not isinstance(scenario, Scenario) or overrides:
            scenario = load_scenario(self.default_scenario if scenario is None else scenario, overrides)
        self.scenario = scenario
        self.simulator = Simulator(scenario, agent_kinds=tuple(kinds))
        self.candidate_shape: tuple[int, int] = (self._count_actions(), len(self.feature_names))
        self._n, n_features = self.candidate_shape
        self.observation_space = spaces.Box(-1.0, 1.0, (self._n * n_features,), np.float32)
        self.action_space = spaces.Discrete(self._n)
        self._price_per_s = sum(engine.price_per_hour for engine in self.simulator.engines) / 3600.0
        self._books = rewards.open_books(scenario.reward)
        self._asked = ENDED

    @abstractmethod
    def _count_actions(self) -> int:
        """Answers that a decision has, legal ones and others."""

    @abstractmethod
    def _play(self, action: int) -> float:
        """Answer the pending decision, if there is one, run on and return the reward.

        `_asked` is what `advance` has returned. If that is a decision, `_seen` is a fresh observation of it and
        `_legal` a fresh mask of its actions, `int8 [actions]`.
        """

    @abstractmethod
    def _mask(self) -> np.ndarray:
        """A fresh mask of the actions that are legal now, `bool [actions]`."""

    def _info(self) -> dict[str, Any]:
        """What comes with an observation."""
        return {"action_mask": self._legal}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode; see "Starting State" and "Arguments"."""
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(LEAST_DRAWN_SEED, 1 << 31))
        self.simulator.reset(seed, _programs(self.simulator, seed, options or {}))
        warmup = self.scenario.episode.warmup_programs
        rewards.begin(self._books, self.scenario.reward, self.simulator.programs, warmup, self._price_per_s)
        self._core = self.simulator.core
        self._play(0)
        self._books["paid"] = 0.0  # what led up to the first decision is charged with it
        if self._asked < 0:
            kinds = " or ".join(self.simulator.blueprint.open_kinds)
            raise SimulationError(
                f"the episode has no decision: at no time had {kinds} more than one answer for a counted program"
                if self._asked != STUCK
                else stuck_message(self._core.state)
            )
        return self._seen, self._info()

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Answer with `action` and run until the next decision."""
        chosen = int(action)
        if not 0 <= chosen < self._n:
            raise ValueError(f"action {action!r} is outside Discrete({self._n}): actions are 0 to {self._n - 1}")
        if self._asked < 0:
            raise SimulationError("the episode is over: call reset()")
        reward = self._play(chosen)
        if self._asked >= 0:
            return self._seen, reward, False, False, self._info()
        return self._last(reward)

    def _last(self, reward: float) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        asked = self._asked
        self.simulator.finish(asked)
        info = {"action_mask": np.ones(self._n, np.int8), "refused_actions": int(self._books["refused"][0])}
        info.update(episode_metrics(self.simulator))
        observation = np.zeros(self._n * len(self.feature_names), np.float32)
        return observation, reward, asked == ENDED, asked == TRUNCATED, info

    def action_masks(self) -> np.ndarray:
        """Which answers are legal, `bool [actions]`; all of them once the episode is over."""
        return np.ones(self._n, bool) if self._asked < 0 else self._mask()

    def render(self) -> Any:
        """The instances now, as text or as a picture `uint8 [height, width, 3]`."""
        if self.render_mode == "ansi":
            return ansi(self.simulator)
        if self.render_mode == "rgb_array":
            return rgb_array(self.simulator)
        return None


class KindEnv(DecisionEnv):
    """An environment whose steps are the decisions of one kind.

    Attributes:
        question: What is shown of such a decision.
    """

    question: ClassVar[Question]

    def __init__(
        self,
        scenario: Scenario | str | None = None,
        overrides: Sequence[str] = (),
        render_mode: str | None = None,
    ) -> None:
        """See the class."""
        self.feature_names = self.question.features
        super().__init__((self.question.kind,), scenario, overrides, render_mode)
        self._size = self._n * len(self.feature_names)

    def _count_actions(self) -> int:
        return self.question.count_answers(self.simulator)

    def _play(self, action: int) -> float:
        self._seen, self._legal = np.empty(self._size, np.float32), np.empty(self._n, np.int8)
        self._asked, reward = self.question.play(self._core, self._books, action, self._seen, self._legal)
        return reward

    def _mask(self) -> np.ndarray:
        return self.question.mask(self._core.state, self._n).astype(bool)


def _programs(simulator: Simulator, seed: int, options: dict[str, Any]) -> Programs | None:
    known = {"window", "programs"}
    if unknown := set(options) - known:
        raise ValueError(f"options: unknown {', '.join(sorted(unknown))}; allowed are {', '.join(sorted(known))}")
    if options.get("window") is not None:
        return simulator.source.draw(seed, window=tuple(options["window"]))
    return options.get("programs")
