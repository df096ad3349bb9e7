"""Plays a part of a benchmark again, and says what comes out as it stands in the file and what does not."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isclose
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from agentsim_env import Scenario
from agentsim_env.errors import AgentSimError
from agentsim_env.training.benchmark.identity import has_files, hashes, runs_code
from agentsim_env.training.benchmark.outcome import Contestant, Outcome, Played
from agentsim_env.training.benchmark.protocol import play
from agentsim_env.training.benchmark.scores import scores_of
from agentsim_env.training.benchmark.suite import Case


class Verdict(NamedTuple):
    """What a verification has found.

    Attributes:
        reproduced: Episodes that came out again, to the bit.
        differing: What differs: case, seed, agent and field with both values.
        missing: Agents that could not be played, with the reason.
        wrong: What else is wrong with the file: scores that do not follow, scenarios that are others here.
        left_out: Cases that cannot be played here, with the reason.
    """

    reproduced: int
    differing: tuple[str, ...]
    missing: tuple[str, ...]
    wrong: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether something was played again and nothing was found."""
        return self.reproduced > 0 and not (self.differing or self.missing or self.wrong)


def verify(
    outcome: Outcome,
    sample: int,
    *,
    seed: int = 0,
    agents: Mapping[str, str] | None = None,
    traces: Path | None = None,
    jobs: int = 1,
    trust: bool = False,
    console: Console | None = None,
) -> Verdict:
    """Plays workloads of a benchmark again, each with all of its agents.

    Nothing of an agent is loaded before its files have the hashes that stand in the result.

    Args:
        outcome: The benchmark.
        sample: How many workloads, each a case and a seed: one of every case first, then by chance.
        seed: Of the choice.
        agents: Where agents are here, by name, if not where the result says.
        traces: Folder of the traces that cases may name.
        jobs: Processes.
        trust: Whether agents may be played that run code when they are loaded: modules, and models in `.zip` files.
        console: Where to say how far it is.
    """
    given = agents or {}
    here = [agent.model_copy(update={"source": given.get(agent.name, agent.source)}) for agent in outcome.agents]
    missing = {agent.name: reason for agent in here if (reason := _missing(agent, trust)) is not None}
    contestants = [agent for agent in here if agent.name not in missing]
    stage = _set_up(outcome, traces)
    reproduced, differing = 0, []
    for (case, then, scenario), seeds in _chosen(stage.ready, sample, seed):
        now = play(outcome.suite, case, scenario, contestants, seeds, jobs=jobs, trust=trust, console=console)
        for agent in now.episodes:
            for number in seeds:
                found = list(_differences(then, now, agent, number))
                differing += [f"{case.name}, seed {number}, {agent}: {text}" for text in found]
                reproduced += not found
    return Verdict(
        reproduced,
        tuple(differing),
        tuple(f"{name}: {reason}" for name, reason in missing.items()),
        tuple(stage.wrong),
        tuple(stage.left_out),
    )


class _Ready(NamedTuple):
    """A case that can be played here, as it was played, and its scenario."""

    case: Case
    played: Played
    scenario: Scenario


class _Stage(NamedTuple):
    """What can be played here, what cannot, and what is wrong with the file."""

    ready: list[_Ready]
    left_out: list[str]
    wrong: list[str]


def _set_up(outcome: Outcome, traces: Path | None) -> _Stage:
    stage = _Stage([], [], [] if _follow(outcome) else ["scores: do not follow from the episodes"])
    if outcome.suite.content_hash() != outcome.suite_hash:
        stage.wrong.append("suite: is not the one whose hash stands in the result")
    cases = {case.name: case for case in outcome.suite.cases}
    for played in outcome.played:
        case = cases[played.case]
        reason = case.missing(traces)
        if reason is not None:
            stage.left_out.append(f"{case.name}: {reason}")
            continue
        try:
            scenario = case.load(traces)
            found = scenario.content_hash()
        except AgentSimError as error:
            stage.wrong.append(f"{case.name}: {error}")
            continue
        if found == played.scenario:
            stage.ready.append(_Ready(case, played, scenario))
        else:
            hashes_of = f"hash {found[:12]} instead of {played.scenario[:12]}"
            stage.wrong.append(f"{case.name}: the scenario is another one here, of {hashes_of}")
    return stage


def _missing(agent: Contestant, trust: bool) -> str | None:
    """Why an agent cannot be played here as it was; None if it can."""
    found = hashes(agent.source)
    if not agent.files and not found and not has_files(agent.source):
        return None
    if not agent.files:
        return f"{agent.source} stands in the result without the hashes of its files"
    for name, expected in agent.files.items():
        if name not in found:
            return f"{agent.source}: {name} is not here"
        if found[name] != expected:
            return f"{agent.source}: {name} is another file here, of hash {found[name][:12]} instead of {expected[:12]}"
    beyond = next((name for name in found if name not in agent.files), None)
    if beyond is not None:
        return f"{agent.source}: {beyond} is here, and not in the result"
    is_trusted = trust or not runs_code(found)
    return None if is_trusted else f"{agent.source}: runs code when it is loaded; say --trust if you trust it"


def _follow(outcome: Outcome) -> bool:
    """Whether the scores are those of the episodes, to a millionth."""
    return _alike(scores_of(outcome.played, outcome.names), outcome.scores)


def _alike(some: Any, others: Any) -> bool:
    if isinstance(some, Mapping):
        return isinstance(others, Mapping) and _all_alike(some, others, some.keys() | others.keys())
    if isinstance(some, list):
        same = isinstance(others, list) and len(some) == len(others)
        return same and _all_alike(some, others, range(len(some)))
    numbers = isinstance(some, float) and isinstance(others, int | float)
    return isclose(some, others, rel_tol=1e-6, abs_tol=1e-9) if numbers else some == others


def _all_alike(some: Any, others: Any, keys: Iterable[Any]) -> bool:
    try:
        return all(_alike(some[key], others[key]) for key in keys)
    except KeyError:
        return False


def _chosen(ready: Sequence[_Ready], sample: int, seed: int) -> Iterator[tuple[_Ready, list[int]]]:
    """Which seeds of which cases are played: each case once, as far as the sample goes, the rest by chance."""
    rng = random.Random(seed)
    first, others = [], []
    for place, (_, played, _) in enumerate(ready):
        pairs = [(place, number) for number in played.seeds]
        rng.shuffle(pairs)
        first += pairs[:1]
        others += pairs[1:]
    rng.shuffle(first)
    rng.shuffle(others)
    chosen = [*first, *others][:sample]
    for place, case in enumerate(ready):
        seeds = sorted(number for where, number in chosen if where == place)
        if seeds:
            yield case, seeds


def _differences(then: Played, now: Played, agent: str, seed: int) -> Iterator[str]:
    """What of an episode differs, field by field."""
    before, again = (_fields(case, case.seeds.index(seed), agent) for case in (then, now))
    for name, value in again.items():
        if before.get(name) != value:
            yield f"{name} is {value!r}, and stands as {before.get(name)!r}"


def _fields(case: Played, place: int, agent: str) -> dict[str, Any]:
    episodes = case.episodes[agent]
    return {
        "workload": case.workloads[place],
        "records_hash": episodes.records_hash[place],
        "decisions": episodes.decisions[place],
        "cost": episodes.cost[place],
        **{name: column[place] for name, column in episodes.figures.items()},
    }
