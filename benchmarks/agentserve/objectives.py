"""Which share of the agents meets its objectives, by how many there are."""

from collections.abc import Mapping, Sequence

from benchmarks.agentserve.cells import slo_of
from benchmarks.agentserve.systems import SYSTEMS
from benchmarks.consumer_gpu.objectives import share_within
from benchmarks.consumer_gpu.runs import AGENTS
from benchmarks.consumer_gpu.tasks import closed_loop

CARD, MODEL, PARADIGM = "RTX A5000", "Llama-3-8B", "react"


def shares_within(seeds: Sequence[int]) -> dict[str, list[float]]:
    """Share of the agents all of whose calls meet both objectives, by system, for each of `AGENTS`."""
    slo = slo_of(CARD, MODEL, PARADIGM)
    return {
        name: [share_within(system(CARD, MODEL) | closed_loop(PARADIGM, n, {}) | slo, seeds) for n in AGENTS]
        for name, system in SYSTEMS.items()
    }


def objective_lines(shares: Mapping[str, Sequence[float]]) -> list[str]:
    """The table, in Markdown."""
    lines = [f"| system | {' | '.join(map(str, AGENTS))} |", "|---|" + "---:|" * len(AGENTS)]
    for name, values in shares.items():
        lines.append(f"| {name} | {' | '.join(f'{100 * value:.0f} %' for value in values)} |")
    return lines
