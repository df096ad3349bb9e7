"""How many times better one system is than others, cell by cell, beside what the paper says."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

from benchmarks.agentserve.cells import FIGURES, Cell, Figures, mean
from benchmarks.agentserve.grid import AGENTS, CARDS, MODELS, Place
from benchmarks.agentserve.reported import REPORTED
from benchmarks.agentserve.systems import SYSTEMS, System
from benchmarks.consumer_gpu.tasks import TWELVE_TASKS

ROWS = {"vLLM": "vLLM", "two processes": "two processes", "llama.cpp": "llama.cpp", "whole prompts": "llama.cpp"}
"""Whose row of the paper each system is held against."""

COMPARED = {
    "call_tpot_p50_ms": "tpot_p50",
    "call_tpot_p95_ms": "tpot_p95",
    "tpot_p95_ms": "tpot_p95",
    "ttft_p50_ms": "ttft",
    "ttft_mean_ms": "ttft",
    "ttft_p95_ms": "ttft",
    "tok_per_s": "tok_per_s",
}
"""Figures of `Figures`, and the figure of the paper in `reported.yaml` that each is held against: which TTFT and which
TPOT it means is not said."""


class Advantage(NamedTuple):
    """How many times better than a baseline, for each number of agents."""

    figure: str
    baseline: str
    times: list[float]

    @property
    def direction(self) -> bool:
        """Better in every cell."""
        return min(self.times) > 1.0

    @property
    def half(self) -> bool:
        """At least half of the largest advantage in the paper, in some cell."""
        _, most = self.reported
        return max(self.times) - 1.0 >= (most - 1.0) / 2

    @property
    def reported(self) -> tuple[float, float]:
        """Least and largest advantage in the paper."""
        least, most = REPORTED["paper"][ROWS[self.baseline]][COMPARED[self.figure]]
        return least, most


def advantages(system: System, seeds: range) -> dict[Place, list[Advantage]]:
    """Of a system over each baseline, by card, model and paradigm."""
    return {
        (gpu, model, paradigm): [
            Advantage(figure, name, [_times(system, SYSTEMS[name], cell, figure, seeds) for cell in cells])
            for figure, name in product(COMPARED, ROWS)
        ]
        for gpu, model, paradigm in product(CARDS, MODELS, TWELVE_TASKS)
        for cells in [[Cell(gpu, model, paradigm, agents) for agents in AGENTS]]
    }


def _times(system: System, baseline: System, cell: Cell, figure: str, seeds: range) -> float:
    at = Figures._fields.index(figure)
    ratio = mean(system, cell, seeds)[at] / mean(baseline, cell, seeds)[at]
    return ratio if figure == "tok_per_s" else 1.0 / ratio


def advantage_lines(found: Mapping[Place, Sequence[Advantage]]) -> list[str]:
    """The table, in Markdown: least and most over the numbers of agents."""
    lines = [f"| card, model, paradigm | figure | {' | '.join(ROWS)} |", "|---|---|" + "---:|" * len(ROWS)]
    for place, rows in found.items():
        for figure in COMPARED:
            cells = [f"{min(row.times):.2f} to {max(row.times):.2f}" for row in rows if row.figure == figure]
            lines.append(f"| {', '.join(place)} | {FIGURES[figure]} | {' | '.join(cells)} |")
    return lines
