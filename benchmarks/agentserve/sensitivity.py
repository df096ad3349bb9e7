"""How much each number matters that no public text has: figures with another value over those with the default."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.agentserve.cells import Cell, Figures, mean
from benchmarks.agentserve.systems import AGENT_SERVE, System, agent_serve
from benchmarks.consumer_gpu.tasks import TWELVE_TASKS

CARD, MODEL, AGENTS = "RTX A5000", "Llama-3-8B", 4

THRESHOLDS: dict[str, tuple[float, ...]] = {
    "high": (0.8, 1.25, 1.5),
    "low": (0.5, 0.65, 0.95),
    "step_tokens": (0.0, 8.0, 128.0),
    "step_share": (0.05, 0.2, 0.3),
    "period_s": (0.02, 0.05, 0.5, 1.0),
    "least_share": (0.1, 0.3, 0.4),
    "most_share": (0.4, 0.6),
    "most_tokens": (64.0, 128.0),
}
"""Other values of each parameter of the controller."""

OBJECTIVES = (0.65, 0.75, 1.25, 1.5)
"""Other objectives, over the default: both thresholds are multiples of it."""

LANES: dict[str, tuple[float, ...]] = {
    "slots": (5, 20),
    "decode_share": (0.1, 0.8),
    "prefill_budget_tokens": (0, 512),
    "rebind_s": (0.0, 500e-6),
    "interference": (0.0, 0.1, 0.3, 0.5),
}
"""Other values of fields of `lanes`; the share and the budget are where the controller begins."""

SHOWN = ("call_tpot_p95_ms", "ttft_p95_ms", "tok_per_s")


class Change(NamedTuple):
    """What another value does, by paradigm: figures over those with the default."""

    field: str
    value: float
    ratios: dict[str, Figures]


def sensitivity(seeds: range) -> list[Change]:
    """A row for each value of each guess."""
    return [
        Change(field, value, {paradigm: _ratios(other, paradigm, seeds) for paradigm in TWELVE_TASKS})
        for field, value, other in _others()
    ]


def _others() -> Iterator[tuple[str, float, System]]:
    for parameter, values in THRESHOLDS.items():
        for value in values:
            yield parameter, value, agent_serve({parameter: value})
    for factor in OBJECTIVES:
        yield "objective, times", factor, agent_serve({"high": factor, "low": 0.8 * factor})
    for field, values in LANES.items():
        for value in values:
            yield f"lanes.{field}", value, agent_serve(None, **{field: value})


def _ratios(other: System, paradigm: str, seeds: range) -> Figures:
    cell = Cell(CARD, MODEL, paradigm, AGENTS)
    pairs = zip(mean(other, cell, seeds), mean(AGENT_SERVE, cell, seeds), strict=True)
    return Figures(*(value / usual for value, usual in pairs))


def sensitivity_lines(changes: Sequence[Change]) -> list[str]:
    """The table, in Markdown: TPOT of a call p95 / TTFT p95 / tokens per second, as factors."""
    lines = [f"| field | value | {' | '.join(TWELVE_TASKS)} |", "|---|---:|" + "---:|" * len(TWELVE_TASKS)]
    for change in changes:
        cells = [" / ".join(f"{getattr(ratio, figure):.2f}" for figure in SHOWN) for ratio in change.ratios.values()]
        lines.append(f"| `{change.field}` | {change.value:g} | {' | '.join(cells)} |")
    return lines
