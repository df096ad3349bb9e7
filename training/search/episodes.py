"""Episodes of combinations: each is played once, at engine speed, and kept."""

import hashlib
import json
import math
import os
import warnings
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, TypeVar

from agentsim_env import Scenario, Simulator, load_scenario
from agentsim_env.assembly import SimulationError
from agentsim_env.envs.episode import episode_metrics
from agentsim_env.envs.rewards import episode_return
from agentsim_env.errors import AgentSimWarning
from agentsim_env.files import naming, write_text
from agentsim_env.scenario import ScenarioError
from agentsim_env.training.journal import own_sources
from agentsim_env.training.search.combination import Answer, Combination
from agentsim_env.training.splits import TEST, TRAINING, workloads
from agentsim_env.training.workers import Workers
from agentsim_env.workload import Programs

Key = TypeVar("Key")
Value = TypeVar("Value")

_KEPT_SIMULATORS = 32
_KEPT_WORKLOADS = 64

Task = tuple[Combination, int]
"""A combination, and the seed of an episode."""


class Played(NamedTuple):
    """What an episode came to.

    Attributes:
        cost_s: Minus its return, in seconds where the reward is time: `mean_cost_s` of the summary if all programs have
            ended. Infinite where the rules got stuck, or cannot be in this scenario.
        jct_s: Mean JCT; NaN if no program is done.
        unserved_share: Programs that failed or were rejected.
    """

    cost_s: float
    jct_s: float = math.nan
    unserved_share: float = math.nan


class Player:
    """Plays combinations in a scenario, with the workloads of training and test seeds.

    Args:
        scenario: The scenario; a load is one of the capacity under its own rules, whatever is played.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._sources = {split.name: workloads(scenario, split) for split in (TRAINING, TEST)}
        self._simulators: OrderedDict[Combination, Simulator | None] = OrderedDict()
        self._workloads: OrderedDict[int, Programs] = OrderedDict()

    def __call__(self, task: Task) -> Played:
        """Plays an episode."""
        combination, seed = task
        simulator = _kept(self._simulators, combination, self._simulator, _KEPT_SIMULATORS)
        if simulator is None:
            return Played(math.inf)
        simulator.reset(seed, _kept(self._workloads, seed, self._draw, _KEPT_WORKLOADS))
        try:
            simulator.run()
        except SimulationError:
            return Played(math.inf)
        figures = episode_metrics(simulator)
        cost_s = -episode_return(simulator) * self._scenario.reward.unit_s
        return Played(cost_s, figures.get("mean_jct_s", math.nan), figures["unserved_share"])

    def _draw(self, seed: int) -> Programs:
        return self._sources[(TEST if seed in TEST.seeds else TRAINING).name].draw(seed)

    def _simulator(self, combination: Combination) -> Simulator | None:
        values = self._scenario.model_dump(mode="json", exclude_unset=True)
        try:
            scenario = load_scenario(values | {"rules": combination.as_rules()})
            return Simulator(scenario, source=self._sources[TRAINING.name])
        except ScenarioError:
            return None


def _kept(cache: OrderedDict[Key, Value], key: Key, make: Callable[[Key], Value], most: int) -> Value:
    """What `make` returns of a key; the latest are kept."""
    if key not in cache:
        cache[key] = make(key)
        if len(cache) > most:
            cache.popitem(last=False)
    cache.move_to_end(key)
    return cache[key]


def make_player(scenario: Scenario) -> Player:
    """What plays in a process of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AgentSimWarning)  # the parent has said it
        return Player(scenario)


class Episodes:
    """All episodes of a search, in a file if there is one: what was played there before is not played again.

    Args:
        scenario: The scenario.
        jobs: Processes.
        path: The file; one of another scenario, or another version of this code, begins anew.
    """

    def __init__(self, scenario: Scenario, jobs: int = 1, path: Path | None = None) -> None:
        self._player = make_player(scenario)
        self._workers = Workers(make_player, scenario, jobs) if jobs > 1 else None
        self._played: dict[Task, Played] = {}
        self._file = None
        if path is not None:
            head = json.dumps({"search": _identity(scenario)}) + "\n"
            self._played = dict(_read(path, head))
            write_text(path, head + "".join(_line(*row) for row in self._played.items()))
            self._file = path.open("a", encoding="utf-8")

    def play(self, tasks: Iterable[Task]) -> None:
        """Plays what was not played yet; `played` has the results."""
        left = [task for task in dict.fromkeys(tasks) if task not in self._played]
        for task, played in self._outcomes(left):
            self._played[task] = played
            if self._file is not None:
                with naming(Path(self._file.name)):
                    self._file.write(_line(task, played))
                    self._file.flush()

    def _outcomes(self, left: Sequence[Task]) -> Generator[tuple[Task, Played]]:
        if self._workers is None or len(left) < 2:
            yield from ((task, self._player(task)) for task in left)
        else:
            with closing(self._workers.run(left)) as outcomes:
                yield from outcomes

    def played(self, combination: Combination, seed: int) -> Played | None:
        """An episode, if it was played."""
        return self._played.get((combination, seed))

    def __len__(self) -> int:
        """How many there are."""
        return len(self._played)

    def close(self) -> None:
        """Ends processes and file."""
        if self._workers is not None:
            self._workers.close()
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()


def _identity(scenario: Scenario) -> str:
    """Hash of everything that an episode depends on: the scenario and our own code, but for the search itself."""
    digest = hashlib.sha256(scenario.content_hash().encode())
    for path in own_sources():
        if path.parent != Path(__file__).parent:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _line(task: Task, played: Played) -> str:
    combination, seed = task
    return json.dumps([combination.answers, seed, *played]) + "\n"


def _read(path: Path, head: str) -> Iterator[tuple[Task, Played]]:
    """Episodes of the file if it begins with `head`; a line that was cut ends them."""
    try:
        first, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, ValueError):
        return
    for line in lines if first == head else ():
        try:
            answers, seed, *figures = json.loads(line)
            yield (_combination(answers), int(seed)), Played(*map(float, figures))
        except (ValueError, TypeError):
            return


def _combination(answers: list) -> Combination:
    rows = ((kind, Answer(rule, tuple((name, value) for name, value in params))) for kind, (rule, params) in answers)
    return Combination(tuple(rows))
