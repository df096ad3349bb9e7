"""What the gain is when hints are wrong, and when there is nothing to gain."""

from collections.abc import Mapping
from typing import Any

from benchmarks.scalesim.classes import speedup
from benchmarks.scalesim.runs import Figures, figures
from benchmarks.scalesim.settings import MAIN, SETTINGS, all_fit, changes_of
from benchmarks.scalesim.systems import SYSTEMS

COMPARED = ("SGLang", "LRU beside", "KVFlow", "ScaleSim")

HINTS: dict[str, dict[str, Any]] = {
    "right": {},
    "a third off": {"hint_error": 0.3},
    "off by a factor of e": {"hint_error": 1.0},
    "half of them exchanged": {"hint_wrong_order": 0.5},
    "nearly all exchanged": {"hint_wrong_order": 0.99},
    "nine of ten missing": {"hint_missing": 0.9},
    "a fifth of the calls are emergencies": {"emergency_share": 0.2},
}
"""Parameters of the agents, by what is wrong about their reports."""

ALL_FIT = "right, and all agents fit"

SHOWN = (MAIN, "adapters, short")
"""Settings in the table."""

Rows = Mapping[str, Mapping[str, Mapping[str, Figures]]]
"""Figures by what the hints are like, setting and system."""


def hints(seeds: range) -> dict[str, dict[str, dict[str, Figures]]]:
    """Figures of the independent class."""
    rows = {
        name: {setting: _cell(changes_of(SETTINGS[setting], "world_independent", wrong), seeds) for setting in SHOWN}
        for name, wrong in HINTS.items()
    }
    fits = {setting: _cell(changes_of(all_fit(SETTINGS[setting]), "world_independent"), seeds) for setting in SHOWN}
    return rows | {ALL_FIT: fits}


def _cell(changes: dict[str, Any], seeds: range) -> dict[str, Figures]:
    return {system: figures(SYSTEMS[system], changes, seeds) for system in COMPARED}


def hint_lines(rows: Rows) -> list[str]:
    """The table, in Markdown: how many times faster ScaleSim, then KVFlow, is."""
    titles = [f"{setting}: over {over}" for setting in SHOWN for over in ("SGLang", "LRU beside")]
    lines = [f"| reports are | {' | '.join(titles)} |", "|---|" + "---:|" * len(titles)]
    for name, settings in rows.items():
        cells = [
            f"{speedup(settings[setting], over):.2f}, {speedup(settings[setting], over, 'KVFlow'):.2f}"
            for setting in SHOWN
            for over in ("SGLang", "LRU beside")
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines
