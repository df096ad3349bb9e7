"""Piecewise log-normal quantile functions, sampled many at a time.

Measured token counts and gaps are published as a few percentiles. A `Curve` goes through them exactly: ln(x) is a
piecewise-linear function of a standard normal score, so each piece is a log-normal and so are the tails. Its mean has a
closed form, and a quantity of any such distribution costs one normal, one table look-up and one exponential.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from agentsim_env.limits import MOST_COUNT
from agentsim_env.workload.validation import InvalidProgramsError

_NORMAL = NormalDist()
_FARTHEST_SCORE = 8.0
_SMALLEST_RANK = _NORMAL.cdf(-_FARTHEST_SCORE)


class Curve(NamedTuple):
    """ln(x) = intercept + slope * z, piece by piece.

    Attributes:
        knots: Normal scores between the pieces, ascending, shape (k - 1,).
        intercepts: One a piece, shape (k,); -inf where x is zero.
        slopes: One a piece, at least 0, shape (k,): the ln-sd of the log-normal that the piece belongs to.
    """

    knots: np.ndarray
    intercepts: np.ndarray
    slopes: np.ndarray


def score(rank: float) -> float:
    """Normal score of a rank in [0, 1], within ±8."""
    return _NORMAL.inv_cdf(min(max(rank, _SMALLEST_RANK), 1.0 - _SMALLEST_RANK))


def constant(value: float) -> Curve:
    """The curve that always gives `value`, zero included."""
    return Curve(np.empty(0), np.array([math.log(value) if value > 0 else -np.inf]), np.zeros(1))


def log_normal(ln_mean: float, ln_sd: float) -> Curve:
    """A log-normal: one piece."""
    return Curve(np.empty(0), np.array([ln_mean]), np.array([ln_sd]))


def log_normal_median(median: float, ln_sd: float) -> Curve:
    """A log-normal by its median."""
    return log_normal(math.log(median), ln_sd)


def log_normal_moments(mean: float, sd: float) -> Curve:
    """A log-normal by its mean and standard deviation."""
    variance = math.log1p((sd / mean) ** 2)
    return log_normal(math.log(mean) - variance / 2, math.sqrt(variance))


def discrete(values: Sequence[float], weights: Sequence[float]) -> Curve:
    """Ascending `values` with probabilities in proportion to `weights`."""
    ranks = np.cumsum(weights)[:-1] / np.sum(weights)
    with np.errstate(divide="ignore"):
        levels = np.log(np.array(values, float))
    return Curve(np.array([score(rank) for rank in ranks]), levels, np.zeros(len(values)))


def through(scores: Sequence[float], values: Sequence[float], upper_slope: float | None = None) -> Curve:
    """The curve through at least two points.

    Args:
        scores: Normal scores of the points, ascending.
        values: Values there, positive and not descending.
        upper_slope: Slope beyond the last point; by default that of the last inner piece. Below the first point the
            first inner piece goes on.
    """
    z, ln_x = np.array(scores, float), np.log(np.array(values, float))
    inner = np.diff(ln_x) / np.diff(z)
    slopes = np.concatenate([inner[:1], inner, inner[-1:] if upper_slope is None else [upper_slope]])
    anchors = np.concatenate([[0], np.arange(len(z))])
    return Curve(z, ln_x[anchors] - slopes * z[anchors], slopes)


def bounded(curve: Curve, low: float, high: float) -> Curve:
    """`curve` with smaller values raised to `low` and larger ones lowered to `high`."""
    for bound, is_low in ((low, True), (high, False)):
        if (is_low and bound > 0) or (not is_low and bound < np.inf):
            curve = _cut(curve, math.log(bound), is_low)
    return curve


def _cut(curve: Curve, ln_bound: float, is_low: bool) -> Curve:
    edges = np.concatenate([[-np.inf], curve.knots, [np.inf]])
    knots, intercepts, slopes = [], [], []
    for piece, (a, b) in enumerate(zip(curve.intercepts, curve.slopes, strict=True)):
        left, right = edges[piece], edges[piece + 1]
        never = np.inf if a < ln_bound else -np.inf
        crossing = (ln_bound - a) / b if b > 0 else never
        flat, kept = (ln_bound, 0.0), (a, b)
        parts = [(left, flat), (crossing, kept)] if is_low else [(left, kept), (crossing, flat)]
        if crossing <= left:
            parts = [(left, parts[1][1])]
        elif crossing >= right:
            parts = parts[:1]
        for start, (intercept, slope) in parts:
            if intercepts and intercepts[-1] == intercept and slopes[-1] == slope:
                continue
            knots.append(start)
            intercepts.append(intercept)
            slopes.append(slope)
    return Curve(np.array(knots[1:]), np.array(intercepts), np.array(slopes))


def mean(curve: Curve) -> float:
    """Expected value."""
    edges = [-np.inf, *curve.knots.tolist(), np.inf]
    total = 0.0
    for piece, (a, b) in enumerate(zip(curve.intercepts.tolist(), curve.slopes.tolist(), strict=True)):
        if a > -np.inf:
            mass = _NORMAL.cdf(edges[piece + 1] - b) - _NORMAL.cdf(edges[piece] - b)
            total += math.exp(a + b * b / 2) * mass
    return total


def quantile(curve: Curve, rank: float) -> float:
    """Value at a rank in [0, 1]."""
    z = score(rank)
    piece = int(np.searchsorted(curve.knots, z))
    return float(np.exp(curve.intercepts[piece] + curve.slopes[piece] * z))


def rank(curve: Curve, value: float) -> float:
    """Probability of at most `value`, for a curve without jumps."""
    z = np.concatenate([[-_FARTHEST_SCORE], curve.knots, [_FARTHEST_SCORE]])
    pieces = np.concatenate([[0], np.arange(len(curve.slopes))])
    return _NORMAL.cdf(float(np.interp(np.log(value), curve.intercepts[pieces] + curve.slopes[pieces] * z, z)))


def with_mean(scores: Sequence[float], values: Sequence[float], wanted: float, low: float, high: float) -> Curve:
    """The bounded curve through the points whose tail above the last of them gives it the mean `wanted`.

    With one point, the log-normal through it with that mean.

    Raises:
        ValueError: If no tail does; the message says which means can be had.
    """
    check_mean(scores, values, wanted, low, high)
    least, most = 0.0, _FARTHEST_SCORE
    for _ in range(60):
        middle = (least + most) / 2
        short = mean(_with_tail(scores, values, middle, low, high)) < wanted
        least, most = (middle, most) if short else (least, middle)
    return _with_tail(scores, values, (least + most) / 2, low, high)


def check_mean(scores: Sequence[float], values: Sequence[float], wanted: float, low: float, high: float) -> None:
    """Raises the ValueError that `with_mean` raises, without looking for the tail."""
    least, most = (mean(_with_tail(scores, values, slope, low, high)) for slope in (0.0, _FARTHEST_SCORE))
    if not least <= wanted <= most:
        raise ValueError(
            f"mean {wanted:g} does not fit the percentiles: between {least:.4g} and "
            f"{most:.4g} with them and these bounds"
        )


def _with_tail(scores: Sequence[float], values: Sequence[float], slope: float, low: float, high: float) -> Curve:
    if len(scores) > 1:
        return bounded(through(scores, values, slope), low, high)
    return bounded(log_normal(math.log(values[0]) - slope * scores[0], slope), low, high)


def ranked_onto(parts: Sequence[Curve], weights: Sequence[float], target: Curve) -> list[Curve]:
    """Maps a mixture onto another distribution, keeping every value's rank in the mixture.

    The mixture of the results has the distribution `target`, while what is long in the mixture stays long.

    Args:
        parts: Curves of the parts, without jumps.
        weights: Shares of the parts.
        target: Distribution that their mixture is to have.
    """
    shares = np.array(weights, float) / np.sum(weights)
    grid = np.linspace(-4.0, 4.0, 65)
    mapped = []
    for part in parts:
        values = [quantile(part, _NORMAL.cdf(z)) for z in grid.tolist()]
        ranks = [float(shares @ [rank(other, value) for other in parts]) for value in values]
        mapped.append(through(grid.tolist(), np.maximum.accumulate([quantile(target, r) for r in ranks]).tolist()))
    return mapped


class CurveTable:
    """Several curves over common knots, sampled in one go."""

    def __init__(self, curves: Sequence[Curve]) -> None:
        self._knots = np.unique(np.concatenate([curve.knots for curve in curves]))
        representative = np.concatenate([self._knots, [np.inf]])
        pieces = [np.searchsorted(curve.knots, representative) for curve in curves]
        self._intercepts = np.concatenate([c.intercepts[p] for c, p in zip(curves, pieces, strict=True)])
        self._slopes = np.concatenate([c.slopes[p] for c, p in zip(curves, pieces, strict=True)])

    def sample(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        """Draws one value from the curve `rows[i]` for each i."""
        return self.at(rng.standard_normal(len(rows)), rows)

    def at(self, scores: np.ndarray, rows: np.ndarray | int) -> np.ndarray:
        """Values of the curves `rows` at normal scores."""
        cells = self._knots.searchsorted(scores)
        cells += rows * (len(self._knots) + 1)
        values = self._slopes[cells]
        values *= scores
        values += self._intercepts[cells]
        return np.exp(values, out=values)

    def counts(self, scores: np.ndarray, rows: np.ndarray | int) -> np.ndarray:
        """Values of the curves at normal scores, rounded to whole numbers of at least 1.

        Raises:
            InvalidProgramsError: A value is above `MOST_COUNT`.
        """
        values = self.at(scores, rows)
        if len(values) and not values.max() <= MOST_COUNT:
            reason = f"counts are at most {MOST_COUNT:,}; give the distribution a max"
            raise InvalidProgramsError(f"a distribution of counts gives {values.max():g}: {reason}")
        np.rint(values, out=values)
        return np.maximum(values, 1.0, out=values).astype(np.int64)
