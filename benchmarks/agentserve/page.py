"""Writes docs/agentserve.md: the text is in page.md beside this file, the tables are made from what was simulated."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.agentserve.bars import bar_lines
from benchmarks.agentserve.cells import FACTOR, Figures
from benchmarks.agentserve.contexts import Contexts, context_lines
from benchmarks.agentserve.grid import Place, grid_lines
from benchmarks.agentserve.objectives import objective_lines
from benchmarks.agentserve.summary import collapse_bar, contexts_bars, mixed_bar
from benchmarks.agentserve.systems import CONTEXT_SWITCH_S, HOST_GB_PER_S
from benchmarks.consumer_gpu.pairs import WITHIN
from benchmarks.consumer_gpu.rows import Row

TEMPLATE = Path(__file__).parent / "page.md"


class Results(NamedTuple):
    """Everything that the page shows.

    Attributes:
        sweep: Rows of the reproduction's sweep over agents.
        contexts: One engine and two processes, by figure.
        grid: Figures of all systems by cell.
        shares: Shares within the objectives for 1, 2, ... agents by system.
        seeds: Seeds of each cell.
    """

    sweep: Sequence[Row]
    contexts: Sequence[Contexts]
    grid: Mapping[Place, Mapping[str, list[Figures]]]
    shares: Mapping[str, Sequence[float]]
    seeds: int


def page(results: Results) -> str:
    """The page, as Markdown."""
    bars = [mixed_bar(results.sweep), *contexts_bars(results.contexts), collapse_bar(results.shares)]
    return TEMPLATE.read_text(encoding="utf-8").format(
        seeds=results.seeds,
        within=f"{100 * WITHIN:.0f} %",
        factor=f"{FACTOR:g}",
        host=f"{HOST_GB_PER_S:g}",
        switch=f"{1e3 * CONTEXT_SWITCH_S:g}",
        summary="\n".join(bar_lines(bars)),
        contexts="\n".join(context_lines(results.contexts)),
        grid="\n".join(grid_lines(results.grid)),
        shares="\n".join(objective_lines(results.shares)),
    )
