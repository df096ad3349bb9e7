"""What a benchmark has come to, as it stands in one JSON file: enough to check it and to play it again."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from agentsim_env.fields.base import Part, Text
from agentsim_env.files import write_text
from agentsim_env.training.benchmark.suite import OPPONENTS, Suite, checked
from agentsim_env.training.costs import cost_of
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.metrics import METRICS
from agentsim_env.training.results import Results
from agentsim_env.training.rollouts import Rollout

FORMAT = "agentsim-benchmark-1"
WORST_TENTH = "worst_tenth_jct_s"
"""Mean JCT of the tenth of the programs that took longest."""


class Contestant(Part):
    """An agent, and by what it can be known again."""

    name: Text
    """Its name."""

    source: Text
    """What it was made from."""

    files: dict[str, str]
    """SHA-256 of each of its files, by their names; none for rules, bundles and `uniform`."""


class Episodes(Part):
    """The episodes of an agent in a case, a value for each seed; `null` where an episode has no sample."""

    records_hash: tuple[str, ...]
    """Hashes of everything that was recorded."""

    decisions: tuple[int, ...]
    """Decisions that the agent answered; 0 for what runs inside the simulator."""

    cost: tuple[float | None, ...]
    """What agents are trained to make small."""

    figures: dict[str, tuple[float | None, ...]]
    """Figures of the summary, by name."""


class Played(Part):
    """A case that was played."""

    case: str
    """Its name."""

    scenario: str
    """Hash of its scenario."""

    seeds: tuple[int, ...]
    """The seeds."""

    workloads: tuple[str, ...]
    """Hash of the programs of each seed."""

    episodes: dict[str, Episodes]
    """What came of them, by agent."""

    notes: tuple[str, ...] = ()
    """What has to be known of the workload."""

    def costs(self, agent: str) -> np.ndarray:
        """Costs of an agent, one a seed; NaN where there is none."""
        return np.array(self.episodes[agent].cost, dtype=float)

    def figures(self, agent: str, name: str) -> np.ndarray:
        """Likewise a figure."""
        return np.array(self.episodes[agent].figures[name], dtype=float)


class Outcome(Part):
    """A benchmark that is done."""

    format: Literal["agentsim-benchmark-1"] = FORMAT
    """Which version of this layout it is."""

    name: Text
    """Name of the suite."""

    suite: Suite
    """The suite."""

    suite_hash: str
    """Its hash."""

    agents: tuple[Contestant, ...]
    """The agents that were compared, beside the two opponents of the suite."""

    played: tuple[Played, ...] = Field(min_length=1)
    """The cases that were played."""

    skipped: dict[str, str]
    """Why the others were not, by case."""

    scores: dict[str, Any]
    """What follows from the episodes."""

    made: dict[str, Any]
    """By which command, when and on what machine: the only part that differs between two runs of the same."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the agents, the opponents first."""
        return (*OPPONENTS, *(agent.name for agent in self.agents))


def played(case: str, results: Results) -> Played:
    """A case, from the results of its evaluation."""
    columns = {agent: [episode[column] for episode in results.rollouts] for column, agent in enumerate(results.agents)}
    return Played(
        case=case,
        scenario=results.scenario.content_hash(),
        seeds=results.seeds,
        workloads=tuple(episode[0].workload_hash for episode in results.rollouts),
        episodes={agent: _episodes(results, rollouts) for agent, rollouts in columns.items()},
        notes=tuple(results.notes),
    )


def _episodes(results: Results, rollouts: Sequence[Rollout]) -> Episodes:
    names = [metric.key for metric in METRICS]
    figures = {name: tuple(_number(rollout.metrics.get(name)) for rollout in rollouts) for name in names}
    return Episodes(
        records_hash=tuple(rollout.records_hash for rollout in rollouts),
        decisions=tuple(rollout.decisions for rollout in rollouts),
        cost=tuple(_number(cost_of(rollout, results.scenario)) for rollout in rollouts),
        figures={**figures, WORST_TENTH: tuple(_number(worst_tenth(rollout.jct_s)) for rollout in rollouts)},
    )


def worst_tenth(jct_s: np.ndarray) -> float:
    """Mean of the tenth of the values that are largest, at least one; NaN where there are none."""
    count = max(1, len(jct_s) // 10)
    return float(np.sort(jct_s)[-count:].mean()) if len(jct_s) else math.nan


def _number(value: float | None) -> float | None:
    """JSON knows no NaN."""
    return None if value is None or math.isnan(value) else float(value)


def write_outcome(outcome: Outcome, path: Path) -> None:
    """Writes the file, whole or not at all."""
    write_text(path, compact(outcome.model_dump(mode="json")) + "\n")


def read_outcome(path: Path) -> Outcome:
    """Reads what `write_outcome` has written.

    Raises:
        TrainingError: It is no such file; the message names the field that is wrong.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise TrainingError(f"{path}: is not JSON: {error}") from None
    outcome = checked(Outcome, content, str(path))
    _refuse_gaps(outcome, path)
    return outcome


def _refuse_gaps(outcome: Outcome, path: Path) -> None:
    """Whoever reads a result may rely on a value of every agent for every seed."""
    names, cases = set(outcome.names), {case.name for case in outcome.suite.cases}
    for case in outcome.played:
        wrong = None
        if case.case not in cases:
            wrong = "is no case of the suite"
        elif set(case.episodes) != names:
            wrong = "has not the episodes of all agents"
        elif any(len(column) != len(case.seeds) for column in _columns(case)):
            wrong = f"must have a value for each of its {len(case.seeds)} seeds"
        if wrong is not None:
            raise TrainingError(f"{path}: played: {case.case}: {wrong}")


def _columns(case: Played) -> list[Sequence[Any]]:
    episodes = case.episodes.values()
    own = [column for e in episodes for column in (e.records_hash, e.decisions, e.cost, *e.figures.values())]
    return [case.workloads, *own]


def compact(content: Any) -> str:
    """JSON with lists of plain values on one line."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    return re.sub(r"\[\n[^\[\]{}]*?\n *\]", lambda found: re.sub(r"\n *", " ", found[0]), text)
