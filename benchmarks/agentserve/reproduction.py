"""The separated engine and SGLang beside the reproduction's, on its RTX 3090."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.agentserve.cells import FIGURES, Cell, Figures, figures
from benchmarks.agentserve.reported import REPORTED
from benchmarks.agentserve.systems import MERGING, SIDE_BY_SIDE, SYSTEMS, System
from benchmarks.consumer_gpu.pairs import Pair, number, simulated

CARD = "RTX 3090"

OURS: dict[str, dict[str, System]] = {
    "separated": {"whole prompts": SYSTEMS["whole prompts"], "no slots, budget 0": SIDE_BY_SIDE},
    "merging": {"no slots, budget unlimited": MERGING},
    "SGLang": {"vLLM": SYSTEMS["vLLM"], "two processes": SYSTEMS["two processes"]},
}
"""What is simulated for each engine of the reproduction. Its separated engine takes turns, as whole prompts before all
decodes do, though not in the same order; beside it, as the paper has it: both at once, with no SMs set apart and no
prefill among the decodes. Whether its SGLang had one process or two is not said."""


class Row(NamedTuple):
    """A figure of one engine of the reproduction."""

    cell: Cell
    engine: str
    figure: str
    pairs: dict[str, Pair]


def reproduction(seeds: range) -> list[Row]:
    """A row for each figure that is reported."""
    rows = []
    for model, paradigms in REPORTED["twelve_tasks"].items():
        for paradigm, engines in paradigms.items():
            for engine, by_agents in engines.items():
                for agents, reported in by_agents.items():
                    rows += _rows(Cell(CARD, model, paradigm, agents), engine, reported, seeds)
    return rows


def _rows(cell: Cell, engine: str, reported: Mapping[str, float], seeds: range) -> list[Row]:
    rows = []
    for figure, measured in reported.items():
        at = Figures._fields.index(figure)
        pairs = {name: Pair(measured, figures(system, cell, seeds)[:, at]) for name, system in OURS[engine].items()}
        rows.append(Row(cell, engine, figure, pairs))
    return rows


def reproduction_lines(rows: Sequence[Row], engine: str) -> list[str]:
    """The table of one engine, in Markdown."""
    names = list(OURS[engine])
    heads = [head for name in names for head in (f"simulated, {name}", "size")]
    lines = [f"| model, paradigm | agents | figure | measured | {' | '.join(heads)} |"]
    lines.append("|---|---:|---|---:|" + "---:|---|" * len(names))
    for row in rows:
        if row.engine == engine:
            pairs = list(row.pairs.values())
            cells = [cell for pair in pairs for cell in (simulated(pair), "yes" if pair.agrees else "no")]
            head = f"| {row.cell.model}, {row.cell.paradigm} | {row.cell.agents} | {FIGURES[row.figure]}"
            lines.append(f"{head} | {number(pairs[0].measured)} | {' | '.join(cells)} |")
    return lines
