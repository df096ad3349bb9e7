"""Times of traces: their unit, and whether it can be right."""

import math
from pathlib import Path

from agentsim_env.workload.traces.errors import TraceError
from agentsim_env.workload.traces.options import TIME_UNITS

_YEAR_2000_S, _YEAR_2100_S = 9.46e8, 4.11e9  # since 1970; the bands of two units do not meet
_CLOSE = 100.0  # mean gap between requests, in the unit of the trace: 10 requests a second if it is ms


class Clock:
    """Turns the moments of a trace into seconds, and keeps what tells whether the unit can be right.

    Args:
        given: Unit that the user names; None: the format's own, which is then checked.
        usual: The format's own unit.

    Attributes:
        per_s: Units in a second.
    """

    def __init__(self, given: str | None, usual: str) -> None:
        """Starts with no moments."""
        self._given = given
        self._usual = usual
        self.per_s = TIME_UNITS[given or usual]
        self._n = 0
        self._low, self._high = math.inf, -math.inf
        self._has_fractions = False

    def see(self, moment_s: float) -> float:
        """Notes a moment, and returns it."""
        if not math.isnan(moment_s):
            value = moment_s * self.per_s
            self._n += 1
            self._low, self._high = min(self._low, value), max(self._high, value)
            self._has_fractions = self._has_fractions or abs(value - round(value)) > 1e-6 * max(1.0, abs(value))
        return moment_s

    def check(self, path: Path) -> tuple[str, ...]:
        """Doubts about the unit, for the report.

        Raises:
            TraceError: The times are dates in another unit than the format's own, or may well be in another one.
        """
        if self._given is not None or self._n == 0:
            return ()
        for unit, per_s in TIME_UNITS.items():
            if unit != self._usual and _YEAR_2000_S <= self._low / per_s <= _YEAR_2100_S:
                problem = f"{self._low:.0f} would be {self._low / self.per_s:.3g} s, but is a date in {unit} since 1970"
                raise TraceError(path, 0, "time_unit", f"{problem}; say time_unit: {unit} (or {self._usual} if it is)")
        gap = (self._high - self._low) / max(1, self._n - 1)
        if self._usual != "ms" or not 0.0 < gap < _CLOSE:
            return ()
        span = f"{self._n:,} times from {self._low:g} to {self._high:g}"
        if self._has_fractions and self._low < _YEAR_2000_S * self.per_s:
            width = self._high - self._low
            choice = f"time_unit: s (they cover {width:g} s) or time_unit: ms ({width / 1e3:g} s)"
            raise TraceError(path, 0, "time_unit", f"{span} have fractions, which ms rarely have; say {choice}")
        return (f"{span} taken as ms; if they are seconds, say time_unit: s",)


def out_of_order(times_s: list[float]) -> int:
    """How many of the times are before one that comes earlier in the list."""
    latest, count = -math.inf, 0
    for time_s in times_s:
        count += time_s < latest
        latest = max(latest, time_s)
    return count
