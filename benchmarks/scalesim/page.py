"""Writes docs/scalesim.md: the text is in page.md beside this file, the tables are made from what was simulated."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.agentserve.bars import bar_lines
from benchmarks.scalesim.classes import Found, moved_lines, step_lines
from benchmarks.scalesim.crowds import REPEATS, Cost, cost_lines, crowd_lines
from benchmarks.scalesim.hints import Rows, hint_lines
from benchmarks.scalesim.runs import Figures
from benchmarks.scalesim.settings import FRESH_TOKENS, MAIN, STEPS, WARM_STEPS
from benchmarks.scalesim.summary import (
    TIE,
    WITHIN,
    cost_bar,
    order_bars,
    short_ttft_bar,
    speedup_bars,
    ttft_bar,
    vanishing_bars,
    workflow_bars,
)
from benchmarks.scalesim.systems import LINK_GB_PER_S
from benchmarks.scalesim.workflow import workflow_lines

TEMPLATE = Path(__file__).parent / "page.md"


class Results(NamedTuple):
    """Everything that the page shows.

    Attributes:
        classes: All systems in all settings, by class.
        hints: What wrong reports do.
        crowds: More and more agents.
        workflow: KVFlow's workflow, by tokens out.
        costs: What simulating costs.
        seeds: Seeds of each cell.
    """

    classes: Found
    hints: Rows
    crowds: Mapping[int, Mapping[str, Figures]]
    workflow: Mapping[int, Mapping[str, Figures]]
    costs: Sequence[Cost]
    seeds: int


def page(results: Results) -> str:
    """The page, as Markdown."""
    bars = [
        *speedup_bars(results.classes),
        ttft_bar(results.crowds),
        short_ttft_bar(results.classes),
        *vanishing_bars(results.hints),
        *order_bars(results.classes),
        *workflow_bars(results.workflow),
        cost_bar(results.costs),
    ]
    return TEMPLATE.read_text(encoding="utf-8").format(
        seeds=results.seeds,
        steps=STEPS,
        warm=WARM_STEPS,
        fresh=FRESH_TOKENS,
        main=MAIN,
        link=f"{LINK_GB_PER_S:g}",
        within=f"{100 * WITHIN:.0f} %",
        tie=f"{100 * TIE:.0f} %",
        repeats=REPEATS,
        summary="\n".join(bar_lines(bars)),
        classes="\n".join(step_lines(results.classes)),
        moved="\n".join(moved_lines(results.classes)),
        hints="\n".join(hint_lines(results.hints)),
        crowds="\n".join(crowd_lines(results.crowds)),
        workflow="\n".join(workflow_lines(results.workflow)),
        costs="\n".join(cost_lines(results.costs)),
    )
