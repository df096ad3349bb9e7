"""One engine against two processes on one card, beside what the reproduction measured with one context and with two."""

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.agentserve.cells import FIGURES, Cell, Figures, figures
from benchmarks.agentserve.reported import REPORTED
from benchmarks.agentserve.systems import CONTEXT_SWITCH_S, SYSTEMS
from benchmarks.consumer_gpu.pairs import Pair, number, simulated

CELL = Cell("RTX 3090", "Qwen2.5-3B", "react", 3)

SIMULATED: tuple[str, ...] = ("vLLM", "two processes", "two processes, switches")


class Contexts(NamedTuple):
    """A figure: as reported by name of the row, and as simulated by name of the system."""

    figure: str
    reported: dict[str, float]
    ours: dict[str, Pair]


def contexts(seeds: range) -> list[Contexts]:
    """The three figures of the reproduction."""
    rows = []
    for figure in ("tok_per_s", "tpot_p95_ms", "ttft_p95_ms"):
        at = Figures._fields.index(figure)
        ours = {name: Pair(None, figures(SYSTEMS[name], CELL, seeds)[:, at]) for name in SIMULATED}
        rows.append(Contexts(figure, {name: row[figure] for name, row in REPORTED["contexts"].items()}, ours))
    return rows


def context_lines(rows: Sequence[Contexts]) -> list[str]:
    """The table, in Markdown."""
    reported, ours = rows[0].reported, rows[0].ours
    names = [f"measured, {name}" for name in reported] + [
        f"simulated, {name.replace('switches', f'{1e3 * CONTEXT_SWITCH_S:g} ms a switch')}" for name in ours
    ]
    lines = [f"| figure | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    for row in rows:
        cells = [number(value) for value in row.reported.values()] + [simulated(pair) for pair in row.ours.values()]
        lines.append(f"| {FIGURES[row.figure]} | {' | '.join(cells)} |")
    return lines
