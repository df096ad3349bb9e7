"""The metrics of an evaluation: which of the simulator's scalars are shown, and which direction is better."""

from math import isnan
from typing import NamedTuple


class Metric(NamedTuple):
    """A scalar of the simulator's summary.

    Attributes:
        key: Its name there.
        label: Heading of its column.
        unit: Its unit, empty for ratios.
        higher_is_better: Direction.
        digits: Digits behind the point.
        scale: What it is multiplied by for the unit shown.
    """

    key: str
    label: str
    unit: str
    higher_is_better: bool = False
    digits: int = 2
    scale: float = 1.0

    @property
    def heading(self) -> str:
        """Label with unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def show(self, value: float) -> str:
        """The value as text, in the unit of the heading."""
        return "-" if isnan(value) else f"{self.scale * value:,.{self.digits}f}"


JCT = Metric("mean_jct_s", "mean JCT", "s", digits=1)
"""What everything is ranked by; of programs that are done, so `UNSERVED` and `COST` stand beside it."""

UNSERVED = Metric("unserved_share", "not served", "%", digits=1, scale=100.0)
"""Programs that failed or were rejected."""

COST = Metric("mean_cost_s", "cost", "s", digits=1)
"""Time in the system and charges for programs that are not served: what an agent is trained on by default."""

METRICS = (
    JCT,
    UNSERVED,
    COST,
    Metric("p95_jct_s", "p95 JCT", "s", digits=1),
    Metric("mean_ttft_s", "TTFT", "s"),
    Metric("mean_tpot_s", "TPOT", "ms", digits=1, scale=1e3),
    Metric("mean_slowdown", "slowdown", ""),
    Metric("jct_over_ideal", "mean JCT over bound", ""),
    Metric("hit_rate", "hit rate", "%", higher_is_better=True, digits=1, scale=100.0),
    Metric("recomputed_tokens", "recomputed", "k tokens", digits=0, scale=1e-3),
    Metric("output_tokens_per_s", "throughput", "tokens/s", higher_is_better=True, digits=0),
    Metric("goodput_programs_per_s", "goodput", "programs/s", higher_is_better=True, digits=3),
)
"""Columns of the table, in order."""
