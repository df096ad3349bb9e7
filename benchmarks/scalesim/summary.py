"""What is published, one row a figure, and whether the simulation agrees."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from benchmarks.agentserve.bars import Bar
from benchmarks.scalesim.classes import Found, speedup, ttft_change
from benchmarks.scalesim.crowds import AGENTS, SIMULATED, Cost, growth
from benchmarks.scalesim.hints import ALL_FIT, Rows
from benchmarks.scalesim.reported import REPORTED
from benchmarks.scalesim.runs import Figures
from benchmarks.scalesim.settings import CLASSES, MAIN
from benchmarks.scalesim.systems import SYSTEMS

WITHIN = 0.15
"""Sizes agree if ours is within this share of what is published."""

TIE = 0.03
"""Two systems are alike if their steps differ by no more than this share."""

MOST_GROWTH = 3.0
"""How many times more an agent's step may cost where there are ten times as many agents."""


def speedup_bars(found: Found) -> list[Bar]:
    """How many times faster than SGLang's reactive loading, by class; in brackets over all settings."""
    bars = []
    for kind in CLASSES:
        reported = REPORTED["speedup"][kind]
        ours = speedup(found[MAIN, kind], "SGLang")
        every = [speedup(cell, "SGLang") for (_, other), cell in found.items() if other == kind]
        bars.append(
            Bar(
                f"ScaleSim over SGLang, {kind}",
                f"{reported:.2f}",
                f"{ours:.2f} ({min(every):.2f} to {max(every):.2f})",
                min(every) > 1.0 + TIE,
                _agrees(ours, reported),
                "a",
            )
        )
    return bars


def ttft_bar(rows: Mapping[int, Mapping[str, Figures]]) -> Bar:
    """TTFT against HiCache with the most agents."""
    low, high = REPORTED["ttft_change"]
    ours = ttft_change(rows[AGENTS[-1]], "HiCache")
    return Bar(
        f"TTFT against HiCache, independent, {AGENTS[-1]} agents",
        f"{100 * low:.0f} % to {100 * high:.0f} %",
        f"{100 * ours:.0f} %",
        ours < 0.0,
        low <= ours <= high,
        "b",
    )


def short_ttft_bar(found: Found) -> Bar:
    """The same where calls bring little that is fresh."""
    low, high = REPORTED["ttft_change"]
    ours = ttft_change(found["adapters, short", "independent"], "HiCache")
    return Bar(
        "the same with short calls",
        f"{100 * low:.0f} % to {100 * high:.0f} %",
        f"{100 * ours:.0f} %",
        ours < 0.0,
        low <= ours <= high,
        "b",
    )


def vanishing_bars(rows: Rows) -> list[Bar]:
    """Where there is nothing to gain: if all agents fit, or if distances say nothing."""
    fits, noise = rows[ALL_FIT][MAIN], rows["nearly all exchanged"]["adapters, short"]
    ours = [speedup(fits, "SGLang"), speedup(noise, "SGLang"), speedup(noise, "LRU beside")]
    names = ("all agents fit: over SGLang", "distances exchanged: over SGLang", "the same: over LRU beside")
    return [
        Bar(name, "1.0", f"{value:.2f}", None, abs(value - 1.0) <= 2 * TIE, "c")
        for name, value in zip(names, ours, strict=True)
    ]


def order_bars(found: Found) -> list[Bar]:
    """Whether those who know more are faster in all settings, within a tie."""
    named = [system for system in SYSTEMS if system != "LRU beside"]
    bars = []
    for kind in CLASSES:
        cells = [cell for (_, other), cell in found.items() if other == kind]
        stands = [[cell[system].step_s for system in named] for cell in cells]
        values = [found[MAIN, kind][system].step_s for system in named]
        bars.append(
            Bar(
                f"{' ≤ '.join(named)}, {kind}: steps a second",
                "in this order",
                " / ".join(f"{1.0 / value:.2f}" for value in values),
                all(later <= earlier * (1.0 + TIE) for steps in stands for earlier, later in pairwise(steps)),
                None,
                "d",
            )
        )
    return bars


def workflow_bars(rows: Mapping[int, Mapping[str, Figures]]) -> list[Bar]:
    """KVFlow's workflow, and that the gain falls with the output."""
    bars = []
    for over, reported in REPORTED["workflow"].items():
        gains = [speedup(cell, over, "KVFlow") for cell in rows.values()]
        bars.append(
            Bar(
                f"KVFlow over {over}, one workflow; with more tokens out",
                f"{reported:.2f}; falls",
                " / ".join(f"{gain:.2f}" for gain in gains),
                sorted(gains, reverse=True) == gains and gains[0] > 1.0,
                _agrees(gains[0], reported),
                "e",
            )
        )
    return bars


def cost_bar(rows: Sequence[Cost]) -> Bar:
    """What an agent's step costs our simulator with ten times as many agents."""
    ours = growth(rows, "ScaleSim")
    return Bar(
        f"CPU time of an agent's step, {SIMULATED[-1]:,} agents over {SIMULATED[0]:,} (ScaleSim; LRU beside)",
        f"below {MOST_GROWTH:g} (a demand)",
        f"{ours:.1f}; {growth(rows, 'LRU beside'):.1f}",
        None,
        ours < MOST_GROWTH,
        "f",
    )


def _agrees(ours: float, reported: float) -> bool:
    return abs(ours / reported - 1.0) <= WITHIN
