"""When programs arrive."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from agentsim_env.fields.base import (
    Part,
    PositiveAmount,
    PositiveSeconds,
    Programs,
    Rate,
    RateOrZero,
    Seconds,
    Variation,
)
from agentsim_env.fields.problems import not_allowed


class OpenLoop(Part):
    """Arrivals that do not wait for the cluster."""

    rate_per_s: Rate | None = None
    """Mean arrivals of programs per second."""

    load: PositiveAmount | None = None
    """Mean arrivals of programs that can be served, as a fraction of the measured capacity of the cluster under its
    default rules: the highest rate at which it gets programs done. Those that fit on no instance come on top."""


class _Renewal(OpenLoop):
    @model_validator(mode="after")
    def _one_rate(self) -> Self:
        if (self.rate_per_s is None) == (self.load is None):
            given = "neither" if self.load is None else "both"
            raise not_allowed(f"give exactly one of rate_per_s and load, not {given}", self.load, ["load"])
        return self


class Poisson(_Renewal):
    """Independent arrivals: exponential gaps."""

    process: Literal["poisson"]
    """Arrival process."""


class Gamma(_Renewal):
    """Renewal process with Gamma gaps: bursty above a coefficient of variation of 1, regular below."""

    process: Literal["gamma"]
    """Arrival process."""

    cv: Variation
    """Coefficient of variation of the gaps: sd / mean."""


class Diurnal(OpenLoop):
    """Arrivals whose rate follows a table, window after window, over and over: Poisson, or bursty with a `cv`."""

    process: Literal["diurnal"]
    """Arrival process."""

    rates_per_s: Annotated[tuple[RateOrZero, ...], Field(min_length=1, strict=False)]
    """Rate in each window. With `rate_per_s` or `load` the table is scaled to that mean; else it is taken as it is."""

    window_s: PositiveSeconds
    """Length of a window."""

    cv: Variation = 1.0
    """Coefficient of variation of the gaps where the rate is constant: 1 is Poisson, above 1 bursty."""

    @property
    def period_s(self) -> float:
        """Time after which the table starts again."""
        return self.window_s * len(self.rates_per_s)

    @model_validator(mode="after")
    def _rates_are_usable(self) -> Self:
        if not any(self.rates_per_s):
            raise not_allowed("at least one rate must be above 0", list(self.rates_per_s), ["rates_per_s"])
        if self.rate_per_s is not None and self.load is not None:
            raise not_allowed("give at most one of rate_per_s and load, not both", self.load, ["load"])
        return self


class ClosedLoop(Part):
    """A fixed number of users, each of whom starts a program, waits for its end, thinks, and starts the next."""

    process: Literal["closed_loop"]
    """Arrival process."""

    users: Programs
    """Users, and so programs in the system at most."""

    think_time_s: Seconds
    """Mean time between the end of a user's program and the start of the next, exponential."""


class FixedTimes(Part):
    """Arrivals at given times."""

    process: Literal["fixed"]
    """Arrival process."""

    times_s: Annotated[tuple[Seconds, ...], Field(min_length=1, strict=False)]
    """Arrival of each program, from the start of the episode, in order."""

    @model_validator(mode="after")
    def _times_are_sorted(self) -> Self:
        for i, (earlier, later) in enumerate(pairwise(self.times_s)):
            if later < earlier:
                raise not_allowed(f"must be at least {earlier:g}: times are in order", later, ["times_s", i + 1])
        return self


class TraceTimes(Part):
    """Arrivals at the times that the trace has recorded."""

    process: Literal["trace"]
    """Arrival process."""


Arrivals = Annotated[
    Poisson | Gamma | Diurnal | ClosedLoop | FixedTimes | TraceTimes,
    Field(discriminator="process"),
]
