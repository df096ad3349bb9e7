"""What the gateway has seen of tools and of programs that have ended (semantics, "Gap history")."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.reference.programs.turn import Turn
from tests.reference.rounding import added

LAST_GAPS = 100


@dataclass
class Gaps:
    """Gaps of one tool, or of all, that have ended, in order; every statistic is a walk over them."""

    seconds: list[float] = field(default_factory=list)

    def average(self, weight: float) -> float:
        """Moving average that begins with the first gap."""
        average = 0.0
        for k, gap_s in enumerate(self.seconds):
            average = gap_s if k == 0 else average + weight * (gap_s - average)
        return average

    def log_normal(self) -> tuple[float, float]:
        """Moving mean and variance of log seconds."""
        mean, variance = 0.0, 0.0
        for k, gap_s in enumerate(self.seconds):
            step = math.log(max(gap_s, 0.001)) - mean
            if k == 0:
                mean = step
            else:
                mean += 0.2 * step
                variance = 0.8 * (variance + 0.2 * step * step)
        return mean, variance

    @property
    def mean_s(self) -> float:
        return added(self.seconds) / len(self.seconds)

    @property
    def last(self) -> Sequence[float]:
        return self.seconds[-LAST_GAPS:]

    def share_within(self, gap_s: float) -> float:
        return sum(known <= gap_s for known in self.last) / len(self.last) if self.last else 0.0


@dataclass
class History:
    """All gaps, by tool, and what has ended, in the order of the ends.

    Attributes:
        turns: Those that have ended.
        lengths: Turns of the programs that are done.
        services_s: Service of these programs.
    """

    everything: Gaps = field(default_factory=Gaps)
    tools: dict[int, Gaps] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    services_s: list[float] = field(default_factory=list)

    def note(self, tool: int, gap_s: float) -> None:
        self.of(tool).seconds.append(gap_s)
        self.everything.seconds.append(gap_s)

    def of(self, tool: int) -> Gaps:
        return self.tools.setdefault(tool, Gaps())

    def mean_gap_s(self, tool: int) -> float | None:
        """Of the tool, of all tools if it is new."""
        gaps = self.of(tool) if self.of(tool).seconds else self.everything
        return gaps.mean_s if gaps.seconds else None

    @property
    def mean_wait_s(self) -> float:
        waits_s = [turn.scheduled_s - turn.ready_s for turn in self.turns]
        return added(waits_s) / len(waits_s) if waits_s else 0.0

    @property
    def memoryfulness(self) -> float:
        """Minus the correlation of turns had and turns to come over the turns of all programs done, but their last."""
        pairs = [(k, n - k) for n in self.lengths for k in range(1, n)]
        if not pairs:
            return 1.0
        had, to_come = zip(*pairs, strict=True)
        mean = sum(had) / len(pairs)
        variance = sum(k * k for k in had) / len(pairs) - mean * mean
        covariance = sum(k * m for k, m in pairs) / len(pairs) - mean * (sum(to_come) / len(pairs))
        return 1.0 if variance <= 0 else -covariance / variance
