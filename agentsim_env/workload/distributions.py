"""Distributions of token counts and times, as a scenario or a family gives them."""

import math
from functools import cached_property
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from agentsim_env.fields.base import Amount, LogDeviation, LogMean, PositiveAmount
from agentsim_env.fields.problems import not_allowed
from agentsim_env.workload import curves
from agentsim_env.workload.cached import CachedPart
from agentsim_env.workload.curves import Curve

_PERCENTILES = {
    "p1": 0.01,
    "p5": 0.05,
    "p10": 0.10,
    "p25": 0.25,
    "p50": 0.50,
    "p75": 0.75,
    "p90": 0.90,
    "p95": 0.95,
    "p99": 0.99,
    "p999": 0.999,
}


class Distribution(CachedPart):
    """A quantity that is never negative, in one of five forms. A plain number is the form `value`.

    * `value`: always the same.
    * `ln_mean`, `ln_sd`: log-normal by the mean and sd of its logarithm. `p50`, `ln_sd`: the same by its median.
    * `mean`, `sd`: log-normal by its own mean and sd, before `min` and `max`.
    * percentiles: log-normal pieces through all of them, going on beyond the outer two. With `mean`, the tail above the
      last percentile is such that the mean is met; one percentile and `mean` give a log-normal.
    * `values`, `weights`: one of these values.

    >>> appended = Distribution(p50=437, p95=5748)
    >>> round(appended.mean_value)
    1491
    """

    value: Amount | None = None
    """The value."""

    mean: PositiveAmount | None = None
    """Mean."""

    sd: Amount | None = None
    """Standard deviation, with `mean`."""

    ln_mean: LogMean | None = None
    """Mean of the logarithm, with `ln_sd`."""

    ln_sd: LogDeviation | None = None
    """Standard deviation of the logarithm, with `ln_mean` or `p50`."""

    p1: PositiveAmount | None = None
    """1st percentile."""

    p5: PositiveAmount | None = None
    """5th percentile."""

    p10: PositiveAmount | None = None
    """10th percentile."""

    p25: PositiveAmount | None = None
    """25th percentile."""

    p50: PositiveAmount | None = None
    """Median."""

    p75: PositiveAmount | None = None
    """75th percentile."""

    p90: PositiveAmount | None = None
    """90th percentile."""

    p95: PositiveAmount | None = None
    """95th percentile."""

    p99: PositiveAmount | None = None
    """99th percentile."""

    p999: PositiveAmount | None = None
    """99.9th percentile."""

    values: Annotated[tuple[Amount, ...], Field(strict=False)] = ()
    """Possible values, ascending."""

    weights: Annotated[tuple[PositiveAmount, ...], Field(strict=False)] = ()
    """Weights of `values`, in any unit; none: all alike."""

    min: Amount = 0.0
    """Smaller values are raised to this."""

    max: PositiveAmount | None = None
    """Larger values are lowered to this; `null`: no bound."""

    @model_validator(mode="before")
    @classmethod
    def _number_is_value(cls, data: Any) -> Any:
        return {"value": data} if isinstance(data, int | float) and not isinstance(data, bool) else data

    @model_serializer(mode="wrap")
    def _only_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value != type(self).model_fields[name].default}

    def __repr_args__(self) -> Any:
        return self.model_dump().items()

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = frozenset(self.model_dump()) - {"min", "max", "weights"}
        points = given & _PERCENTILES.keys()
        forms = [{"value"}, {"values"}, {"ln_mean", "ln_sd"}, {"p50", "ln_sd"}, {"mean", "sd"}]
        fits = given in forms or (given - points <= {"mean"} and len(points) + ("mean" in given) >= 2)
        if not fits:
            reason = (
                "give one of: value; values; ln_mean and ln_sd; p50 and ln_sd; mean and sd; two or more percentiles; "
                f"percentiles and mean. Given: {', '.join(sorted(given)) or 'nothing'}"
            )
            raise not_allowed(reason, None, [])
        if self.max is not None and self.max < self.min:
            raise not_allowed(f"must be at least min ({self.min:g})", self.max, ["max"])
        if self.weights and len(self.weights) != len(self.values):
            raise not_allowed(f"needs one weight a value: {len(self.values)}", list(self.weights), ["weights"])
        self._check_order([getattr(self, name) for name in _PERCENTILES if name in points], "percentiles")
        self._check_order(self.values, "values")
        try:
            with np.errstate(over="ignore"):
                most = self._largest()
        except ValueError as error:
            raise not_allowed(str(error), self.mean, ["mean"]) from None
        except OverflowError:
            raise not_allowed("is so wide that its values are no numbers any more", None, []) from None
        if not math.isfinite(most):
            raise not_allowed(f"is so wide that its largest values are {most:g}: give a max", None, [])
        return self

    @staticmethod
    def _check_order(numbers: Any, name: str) -> None:
        if sorted(numbers) != list(numbers):
            raise not_allowed(f"{name} must ascend", list(numbers), [])

    @cached_property
    def curve(self) -> Curve:
        """The quantile function, bounds included."""
        high = float("inf") if self.max is None else self.max
        if self.value is not None:
            shape = curves.constant(self.value)
        elif self.values:
            shape = curves.discrete(self.values, self.weights or (1.0,) * len(self.values))
        elif self.ln_mean is not None and self.ln_sd is not None:
            shape = curves.log_normal(self.ln_mean, self.ln_sd)
        elif self.mean is not None and self.sd is not None:
            shape = curves.log_normal_moments(self.mean, self.sd)
        else:
            return self._percentile_curve(high)
        return curves.bounded(shape, self.min, high)

    def _points(self) -> tuple[list[float], list[float]]:
        """Normal scores of the percentiles that are given, and values there."""
        given = {rank: getattr(self, name) for name, rank in _PERCENTILES.items() if getattr(self, name) is not None}
        return [curves.score(rank) for rank in given], list(given.values())

    def _largest(self) -> float:
        """The largest value; where `max` is that, the tail that meets a mean need not be found for it."""
        scores, values = self._points()
        if not scores or self.mean is None or self.max is None:
            return self.quantile(1.0)
        curves.check_mean(scores, values, self.mean, self.min, self.max)
        return self.max

    def _percentile_curve(self, high: float) -> Curve:
        scores, values = self._points()
        if self.mean is not None:
            return curves.with_mean(scores, values, self.mean, self.min, high)
        if self.ln_sd is not None:
            return curves.bounded(curves.log_normal_median(values[0], self.ln_sd), self.min, high)
        return curves.bounded(curves.through(scores, values), self.min, high)

    @property
    def mean_value(self) -> float:
        """Expected value, bounds included."""
        return curves.mean(self.curve)

    def quantile(self, rank: float) -> float:
        """Value at a rank in [0, 1], bounds included."""
        return curves.quantile(self.curve, rank)
