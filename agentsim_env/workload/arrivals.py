"""When programs arrive.

Open-loop processes draw gaps of a unit-rate process and stretch them, so that with one seed another rate means the same
pattern, faster or slower.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np


class ArrivalTimes(NamedTuple):
    """Arrivals of programs.

    Attributes:
        arrival_s: Time of arrival, ascending where `after` is -1; elsewhere the delay after the end of program `after`.
        after: Program whose end starts the clock of each one, -1 for none.
    """

    arrival_s: np.ndarray
    after: np.ndarray


Times = Callable[[np.random.Generator, int], ArrivalTimes]
"""An arrival process with its parameters: from a generator and a number of programs to their arrivals."""


def _open_loop(arrival_s: np.ndarray) -> ArrivalTimes:
    return ArrivalTimes(arrival_s, np.full(len(arrival_s), -1))


def _unit_times(rng: np.random.Generator, n: int, cv: float) -> np.ndarray:
    """Renewal times with mean gap 1; `cv` is the coefficient of variation of the gaps."""
    if cv == 1.0:
        return np.cumsum(rng.standard_exponential(n))
    shape = cv**-2.0
    return np.cumsum(rng.standard_gamma(shape, n)) / shape


def poisson(rng: np.random.Generator, n: int, rate_per_s: float) -> ArrivalTimes:
    """Independent arrivals.

    Args:
        rng: Generator for arrivals.
        n: Programs.
        rate_per_s: Mean arrivals per second.
    """
    return _open_loop(_unit_times(rng, n, 1.0) / rate_per_s)


def gamma(rng: np.random.Generator, n: int, rate_per_s: float, cv: float) -> ArrivalTimes:
    """Gamma gaps: bursty with `cv` above 1, regular below.

    Args:
        rng: Generator for arrivals.
        n: Programs.
        rate_per_s: Mean arrivals per second.
        cv: Coefficient of variation of the gaps, above 0.
    """
    return _open_loop(_unit_times(rng, n, cv) / rate_per_s)


def diurnal(
    rng: np.random.Generator,
    n: int,
    rates_per_s: Sequence[float],
    window_s: float,
    rate_per_s: float | None = None,
    cv: float = 1.0,
) -> ArrivalTimes:
    """A rate that is constant in each window of a table, which repeats.

    The unit-rate process runs on the integral of the rate, which is inverted exactly.

    Args:
        rng: Generator for arrivals.
        n: Programs.
        rates_per_s: Rate in each window, at least one above 0.
        window_s: Length of a window.
        rate_per_s: Mean rate that the table is scaled to; None takes it as it is.
        cv: Coefficient of variation of the gaps of the unit-rate process; 1 is a Poisson process.
    """
    rates = np.array(rates_per_s, float)
    if rate_per_s is not None:
        rates *= rate_per_s / rates.mean()
    busy = np.flatnonzero(rates > 0)
    area = rates[busy] * window_s
    ends = np.cumsum(area)
    cycles, rest = np.divmod(_unit_times(rng, n, cv), ends[-1])
    window = np.minimum(np.searchsorted(ends, rest, side="right"), len(busy) - 1)
    into_s = (rest - (ends - area)[window]) / rates[busy[window]]
    arrival_s = cycles * (window_s * len(rates)) + busy[window] * window_s + into_s
    # Rounding at the edge of a window must not put two arrivals in the wrong order.
    return _open_loop(np.maximum.accumulate(arrival_s))


def closed_loop(rng: np.random.Generator, n: int, users: int, think_time_s: float) -> ArrivalTimes:
    """Each user starts a program, waits for its end, thinks, and starts the next; all start after a first think time.

    Programs are dealt out to the users in turn: program i follows program i - users.

    Args:
        rng: Generator for arrivals.
        n: Programs.
        users: Users, at least 1.
        think_time_s: Mean think time, exponential.
    """
    delay_s = rng.standard_exponential(n) * think_time_s
    delay_s[:users].sort()
    after = np.arange(n) - users
    after[:users] = -1
    return ArrivalTimes(delay_s, after)


def fixed(rng: np.random.Generator, n: int, times_s: Sequence[float]) -> ArrivalTimes:
    """Given times.

    Args:
        rng: Not used; here because every process has one.
        n: Programs, at most as many as there are times.
        times_s: Arrivals, ascending.
    """
    return _open_loop(np.array(times_s[:n], float))
