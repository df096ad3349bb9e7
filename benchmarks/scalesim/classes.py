"""All systems in all settings, by class of invocation distance."""

from collections.abc import Callable, Mapping
from itertools import product

from benchmarks.consumer_gpu.pairs import number
from benchmarks.scalesim.runs import Figures, figures
from benchmarks.scalesim.settings import CLASSES, SETTINGS, changes_of
from benchmarks.scalesim.systems import SYSTEMS

Cell = tuple[str, str]
"""Setting and class."""

Found = Mapping[Cell, Mapping[str, Figures]]
"""Figures by cell and system."""


def classes(seeds: range) -> dict[Cell, dict[str, Figures]]:
    """Figures of every system in every cell."""
    return {
        (setting, kind): {
            system: figures(changes, changes_of(SETTINGS[setting], f"world_{kind}"), seeds)
            for system, changes in SYSTEMS.items()
        }
        for setting, kind in product(SETTINGS, CLASSES)
    }


def speedup(cell: Mapping[str, Figures], over: str, of: str = "ScaleSim") -> float:
    """How many times faster the world is simulated."""
    return cell[over].step_s / cell[of].step_s


def ttft_change(cell: Mapping[str, Figures], over: str, of: str = "ScaleSim") -> float:
    """Change of the mean TTFT."""
    return cell[of].ttft_s / cell[over].ttft_s - 1.0


def step_lines(found: Found) -> list[str]:
    """Mean time of a step and mean TTFT, as a table in Markdown."""
    return _lines(found, lambda values: f"{number(values.step_s)}, {number(values.ttft_s)}")


def moved_lines(found: Found) -> list[str]:
    """What was computed again and what was moved for nothing, as a table in Markdown."""
    return _lines(found, lambda values: f"{values.recomputed_tokens:,.0f}, {values.wasted_gb:.1f}")


def _lines(found: Found, shown: Callable[[Figures], str]) -> list[str]:
    """Setting by system."""
    lines = [f"| setting | class | {' | '.join(SYSTEMS)} |", "|---|---|" + "---:|" * len(SYSTEMS)]
    for (setting, kind), cell in found.items():
        lines.append(f"| {setting} | {kind} | {' | '.join(map(shown, cell.values()))} |")
    return lines
