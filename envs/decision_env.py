"""What the environments have in common: episodes whose steps are decisions."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypedDict, Unpack

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from agentsim_env.actions import numbered
from agentsim_env.assembly import DrawnSource, SimulationError
from agentsim_env.assembly.stuck import stuck_message
from agentsim_env.engine.core.decisions import ENDED, PAUSED, STUCK, TRUNCATED
from agentsim_env.engine.entry import Core
from agentsim_env.envs import rewards
from agentsim_env.envs.episode import episode_metrics
from agentsim_env.envs.errors import EnvError
from agentsim_env.envs.feature import FeatureTable
from agentsim_env.envs.options import checked_scale, checked_seed, given_programs
from agentsim_env.envs.question import Question
from agentsim_env.envs.rendering import ansi, rgb_array
from agentsim_env.envs.snapshot import Snapshot
from agentsim_env.envs.spec import plain_spec
from agentsim_env.envs.splits import find_split, workloads
from agentsim_env.scenario import Scenario, load_scenario
from agentsim_env.scenario.laying import shown
from agentsim_env.simulator import NOT_BEGUN, Simulator

LEAST_DRAWN_SEED = 1 << 20
"""Workload seeds that an environment without a split draws itself start here; small ones stay free for evaluation."""


class Further(TypedDict, total=False):
    """Arguments of every environment beside the scenario; `DecisionEnv` has their defaults."""

    reward_scale: float | None
    split: str | None


FLOAT, BYTE = np.dtype(np.float32), np.dtype(np.int8)
"""Of observations and masks; NumPy makes an array faster of a dtype than of a type."""


class DecisionEnv(gymnasium.Env[np.ndarray, np.integer]):
    """An environment whose steps are decisions of some kinds; the scenario's rules answer all others.

    What is pending is what `simulator` has been asked last: an environment has no second copy of it.

    Attributes:
        default_scenario: Scenario of an environment that is made without one.
        reward_scale: What rewards are multiplied by; None: the counted programs of the episode.
        split: Where its workloads are from; None: from all.
        features: Columns of a row.
        feature_names: Their names.
        candidate_shape: (actions, features): how to fold an observation.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012
    default_scenario: ClassVar[str]
    features: FeatureTable
    feature_names: tuple[str, ...]
    _spec: EnvSpec | None = None
    _core: Core | None = None
    _seen: np.ndarray
    _legal: np.ndarray

    def __init__(
        self,
        kinds: Sequence[str],
        scenario: Scenario | Mapping[str, Any] | str | Path | None = None,
        overrides: Sequence[str] | Mapping[str, Any] = (),
        render_mode: str | None = None,
        *,
        reward_scale: float | None = None,
        split: str | None = "train",
    ) -> None:
        """See the class."""
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise EnvError(f"render_mode {render_mode!r}: allowed are {self.metadata['render_modes']} and None")
        self.render_mode = render_mode
        if not isinstance(scenario, Scenario) or overrides:
            scenario = load_scenario(self.default_scenario if scenario is None else scenario, overrides)
        self.scenario = scenario
        self.reward_scale = checked_scale(reward_scale)
        self.split = find_split(split)
        self.simulator = Simulator(scenario, agent_kinds=tuple(kinds), source=workloads(scenario, self.split))
        _check_choice(tuple(kinds), self.simulator)
        self.features = self._columns()
        self.feature_names = self.features.names
        self.candidate_shape: tuple[int, int] = (self._count_actions(), len(self.features))
        self._n, n_features = self.candidate_shape
        self.observation_space = spaces.Box(*self.features.bounds, (self._n * n_features,), np.float32)
        self.action_space = spaces.Discrete(self._n)
        self._books = rewards.open_books(scenario.reward)
        self._last_s = self._time_s = 0.0

    @property
    def spec(self) -> EnvSpec | None:
        """What `gymnasium.make` made it from, in values that can be written as JSON."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._spec = None if spec is None else plain_spec(spec)

    @abstractmethod
    def _columns(self) -> FeatureTable:
        """Columns of a row in the scenario."""

    @abstractmethod
    def _count_actions(self) -> int:
        """Answers that a decision has, legal ones and others."""

    @abstractmethod
    def _answer(self, core: Core, action: int) -> tuple[int, float, float]:
        """Answer the pending decision, if there is one, and run on.

        `_seen` is then a fresh observation of the next decision or of the time limit, if there is one, and `_legal` a
        fresh mask of the actions, `int8 [actions]`.

        Returns:
            What `advance` has returned, the reward, and the simulated time.
        """

    @abstractmethod
    def _look(self, asked: int) -> np.ndarray:
        """A fresh observation of the pending decision, or of the time limit if `asked` says that it is reached."""

    @abstractmethod
    def _mask(self) -> np.ndarray:
        """A fresh mask of the actions that are legal now, `bool [actions]`."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode; see "Starting State" and "Arguments"."""
        seed = checked_seed(seed)
        super().reset(seed=seed)
        seed = self._workload_seed(seed)
        simulator = self.simulator
        simulator.reset(seed, given_programs(simulator.source, seed, options))
        warmup = self.scenario.episode.warmup_programs
        scale = rewards.scale_of(self.reward_scale, simulator.programs, warmup)
        price_per_s = sum(engine.price_per_hour for engine in simulator.engines) / 3600.0
        rewards.begin(self._books, self.scenario.reward, simulator.programs, warmup, price_per_s, scale)
        self._core = simulator.core
        simulator.asked = PAUSED
        asked, _, self._time_s = self._answer(self._core, 0)
        self._last_s = self._time_s
        self._books["paid"] = 0.0  # what led up to the first decision is charged with it
        if asked < 0:
            simulator.asked = NOT_BEGUN
            kinds = " or ".join(simulator.blueprint.agent_kinds)
            raise SimulationError(
                f"the episode has no decision: at no time had {kinds} more than one answer for a counted program"
                if asked != STUCK
                else stuck_message(simulator.state)
            )
        simulator.note(asked)
        return self._seen, self._info() | self.drawn()

    def drawn(self) -> dict[str, Any]:
        """What `randomize` of the scenario has drawn for the episode, as `drawn`; empty if it draws nothing."""
        drawn = self.simulator.drawn
        return {"drawn": drawn} if drawn else {}

    def _workload_seed(self, number: int | None) -> int:
        """The seed of the workload that `reset` is given the number of; drawn if it is given none."""
        split = self.split
        if number is not None:
            return number if split is None else split.seed(number)
        seeds = range(LEAST_DRAWN_SEED, 1 << 31) if split is None else split.seeds
        return int(self.np_random.integers(seeds.start, seeds.stop))

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Answer with `action` and run until the next decision."""
        chosen = action if type(action) is int and 0 <= action < self._n else numbered(action, self._n)
        simulator = self.simulator
        core = simulator.core if simulator.asked >= 0 else None
        if core is None or core is not self._core:
            raise SimulationError(self._why_not())
        simulator.asked = PAUSED  # so it stays if the step is interrupted
        asked, reward, time_s = self._answer(core, chosen)
        simulator.note(asked)
        self._last_s, self._time_s = self._time_s, time_s
        if asked >= 0:
            return self._seen, reward, False, False, self._info()
        if asked == ENDED:
            self._seen = self._nothing()
        return self._seen, reward, asked == ENDED, asked == TRUNCATED, self._info() | self.figures()

    def _why_not(self) -> str:
        """Why there is nothing to answer."""
        if self._core is None:
            return "no episode has begun: call reset()"
        if self.simulator.core is not self._core:
            return "the simulator was reset or restored beside its environment: call reset() or restore() of that"
        if self.simulator.asked == NOT_BEGUN:
            return "the episode has no decision: call reset()"
        if self.simulator.asked == PAUSED:
            return "the last step was interrupted: call reset() or restore()"
        return "the episode is over: call reset()"

    def _info(self) -> dict[str, Any]:
        """What comes with an observation."""
        time_s = self._time_s
        return {"action_mask": self._legal, "time_s": time_s, "elapsed_s": time_s - self._last_s}

    def figures(self) -> dict[str, Any]:
        """Figures of the episode so far, as they come with its last observation; see `agentsim_env.envs.episode`."""
        simulator = self.simulator
        scale = rewards.scale_of(self.reward_scale, simulator.programs, self.scenario.episode.warmup_programs)
        return {
            "refused_actions": int(self._books["refused"][0]),
            "reward_scale": scale,
            **self.drawn(),
            **episode_metrics(simulator),
        }

    def snapshot(self) -> Snapshot:
        """The episode as it is now, to come back to with `restore`, any number of times.

        Raises:
            SimulationError: No episode has begun, or the simulator was reset or restored beside the environment.
        """
        simulator = self.simulator
        if self._core is None or simulator.core is not self._core:
            raise SimulationError(self._why_not())
        return Snapshot(simulator.snapshot(), self._books.copy(), self._time_s, self._last_s)

    def restore(self, snapshot: Snapshot) -> tuple[np.ndarray, dict[str, Any]]:
        """Go back to a snapshot; from there the same actions lead to the same observations and rewards, bit for bit.

        Wrappers that count steps or rewards do not notice.

        Args:
            snapshot: One of this environment, or of another of the same class and scenario.

        Returns:
            The observation and the info that were there then.

        Raises:
            SimulationError: It is not such a snapshot.
        """
        if not isinstance(snapshot, Snapshot):
            name = type(snapshot).__name__
            raise SimulationError(f"a {name} is no snapshot of an environment: restore takes what snapshot() returned")
        self.simulator.restore(snapshot.simulation)
        self._core = self.simulator.core
        self._books = snapshot.books.copy()
        self._time_s, self._last_s = snapshot.time_s, snapshot.last_s
        asked = self.simulator.asked
        self._seen = self._look(asked) if _is_shown(asked) else self._nothing()
        self._legal = self.action_masks().view(np.int8)
        return self._seen, self._info() | (self.figures() if asked < 0 else {})

    def _nothing(self) -> np.ndarray:
        """The observation when all programs have ended."""
        return np.zeros(self._n * len(self.feature_names), np.float32)

    def action_masks(self) -> np.ndarray:
        """Which answers are legal, `bool [actions]`; all of them where no decision is pending."""
        return self._mask() if self.simulator.asked >= 0 else np.ones(self._n, bool)

    def render(self) -> Any:
        """The instances now, as text or as a picture `uint8 [height, width, 3]`."""
        if self.render_mode == "ansi":
            return ansi(self.simulator)
        if self.render_mode == "rgb_array":
            return rgb_array(self.simulator)
        return None


def _check_choice(kinds: tuple[str, ...], simulator: Simulator) -> None:
    """Refuses a scenario that may draw a cluster where nothing is asked."""
    source = simulator.source
    if kinds == ("route_turn",) and isinstance(source, DrawnSource):
        narrowest = source.drawing.narrowest
        if narrowest.scenario.cluster.n_instances < 2:
            raise EnvError(
                f"{simulator.scenario.name}: randomize: must draw clusters of at least 2 instances, since with one"
                f" nothing is to be routed; it may draw {shown(narrowest.values)}"
            )


def _is_shown(asked: int) -> bool:
    """Whether there is something to see: a decision, or what the time limit has cut off."""
    return asked >= 0 or asked == TRUNCATED


class KindEnv(DecisionEnv):
    """An environment whose steps are the decisions of one kind.

    Attributes:
        question: What is shown of such a decision.
    """

    question: ClassVar[Question]

    def __init__(
        self,
        scenario: Scenario | Mapping[str, Any] | str | Path | None = None,
        overrides: Sequence[str] | Mapping[str, Any] = (),
        render_mode: str | None = None,
        **further: Unpack[Further],
    ) -> None:
        """See the class."""
        super().__init__((self.question.kind,), scenario, overrides, render_mode, **further)
        self._size = self._n * len(self.feature_names)

    def _columns(self) -> FeatureTable:
        return self.question.columns(self.scenario)

    def _count_actions(self) -> int:
        return self.question.count_answers(self.simulator)

    def _answer(self, core: Core, action: int) -> tuple[int, float, float]:
        self._seen, self._legal = np.empty(self._size, FLOAT), np.empty(self._n, BYTE)
        return self.question.step(core, self._books, action, self._seen, self._legal)

    def _look(self, asked: int) -> np.ndarray:
        table = np.empty(self.candidate_shape, np.float32)
        self.question.fill(self.simulator.core, table)
        return table.reshape(-1)

    def _mask(self) -> np.ndarray:
        return self.question.mask(self.simulator.state, self._n)
