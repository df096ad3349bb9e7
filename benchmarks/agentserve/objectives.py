"""Which share of the agents meets its objectives: by how many there are, and by how wide the objectives are."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.agentserve.cells import FACTOR, slo_of
from benchmarks.agentserve.systems import ABLATIONS, SYSTEMS, System
from benchmarks.consumer_gpu.objectives import share_within
from benchmarks.consumer_gpu.runs import AGENTS
from benchmarks.consumer_gpu.tasks import closed_loop

CARD, MODEL, PARADIGM = "RTX A5000", "Llama-3-8B", "react"

WIDER = (3.0, 4.0, 6.0)
"""Other factors of the objectives: the paper has one and does not say which."""


SHOWN: dict[str, System] = {
    **SYSTEMS,
    "AgentServe, down to 10 %": ABLATIONS["down to 10 %"],
    "AgentServe, no feedback": ABLATIONS["no feedback"],
    "AgentServe, no slots": ABLATIONS["no slots"],
}
"""Rows of the tables."""


class Shares(NamedTuple):
    """Shares of the agents all of whose calls meet both objectives, by system.

    Attributes:
        by_agents: For each of `AGENTS`.
        by_factor: Of six agents, for each of `WIDER`.
    """

    by_agents: dict[str, list[float]]
    by_factor: dict[str, list[float]]


def shares_within(seeds: Sequence[int]) -> Shares:
    """Both tables, a mean over the seeds."""
    return Shares(
        {name: [_share(system, n, FACTOR, seeds) for n in AGENTS] for name, system in SHOWN.items()},
        {name: [_share(system, AGENTS[-1], factor, seeds) for factor in WIDER] for name, system in SHOWN.items()},
    )


def _share(system: System, agents: int, factor: float, seeds: Sequence[int]) -> float:
    slo: dict[str, Any] = slo_of(CARD, MODEL, PARADIGM)["slo"]
    wide = {field: value * factor / FACTOR for field, value in slo.items()}
    return share_within(system(CARD, MODEL) | closed_loop(PARADIGM, agents, {}) | {"slo": wide}, seeds)


def objective_lines(columns: Sequence[object], shares: Mapping[str, Sequence[float]]) -> list[str]:
    """A table, in Markdown."""
    lines = [f"| system | {' | '.join(map(str, columns))} |", "|---|" + "---:|" * len(columns)]
    for name, values in shares.items():
        lines.append(f"| {name} | {' | '.join(f'{100 * value:.0f} %' for value in values)} |")
    return lines
