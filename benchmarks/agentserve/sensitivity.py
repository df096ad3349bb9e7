"""How much each number matters that no public text has: figures with another value over those with the default."""

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.agentserve.cells import Cell, Figures, mean
from benchmarks.agentserve.systems import SEPARATED, two_lanes
from benchmarks.consumer_gpu.tasks import TWELVE_TASKS

CARD, MODEL, AGENTS = "RTX A5000", "Llama-3-8B", 4

GUESSES: dict[str, tuple[float, ...]] = {
    "decode_share": (0.2, 0.3, 0.5, 0.7),
    "prefill_budget_tokens": (0, 32, 128, 256, 512),
    "rebind_s": (0.0, 500e-6),
    "interference": (0.0, 0.1, 0.3, 0.5),
}
"""Other values of each field of `lanes`."""

SHOWN = ("tpot_p95_ms", "ttft_p95_ms", "tok_per_s")


class Change(NamedTuple):
    """What another value of a field does, by paradigm: figures over those with the default."""

    field: str
    value: float
    ratios: dict[str, Figures]


def sensitivity(seeds: range) -> list[Change]:
    """A row for each value of each guess."""
    return [
        Change(field, value, {paradigm: _ratios(field, value, paradigm, seeds) for paradigm in TWELVE_TASKS})
        for field, values in GUESSES.items()
        for value in values
    ]


def _ratios(field: str, value: float, paradigm: str, seeds: range) -> Figures:
    cell = Cell(CARD, MODEL, paradigm, AGENTS)
    pairs = zip(mean(two_lanes(**{field: value}), cell, seeds), mean(SEPARATED, cell, seeds), strict=True)
    return Figures(*(other / usual for other, usual in pairs))


def sensitivity_lines(changes: Sequence[Change]) -> list[str]:
    """The table, in Markdown: TPOT p95 / TTFT p95 / tokens per second, as factors."""
    lines = [f"| field | value | {' | '.join(TWELVE_TASKS)} |", "|---|---:|" + "---:|" * len(TWELVE_TASKS)]
    for change in changes:
        cells = [" / ".join(f"{getattr(ratio, figure):.2f}" for figure in SHOWN) for ratio in change.ratios.values()]
        lines.append(f"| `{change.field}` | {change.value:g} | {' | '.join(cells)} |")
    return lines
