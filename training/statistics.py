"""Means, inter-quartile means and bootstrap intervals of paired samples."""

from collections.abc import Callable
from functools import cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

LEVEL = 0.95
RESAMPLES = 10_000
_SEED = 0

Statistic = Callable[..., np.ndarray]


class Interval(NamedTuple):
    """An estimate with its confidence interval; the ends are NaN where one value is all there is."""

    estimate: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


def mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis."""
    return values.mean(axis=-1)


def iqm(values: np.ndarray) -> np.ndarray:
    """Inter-quartile mean over the last axis: the mean of the middle half.

    As in rliable (arXiv 2108.13264): a quarter of the values, rounded down, is cut at each end. NaN where a value is:
    it has no place in the order.
    """
    cut = values.shape[-1] // 4
    ordered = np.sort(values, axis=-1)
    ordered = np.where(np.isnan(ordered[..., -1:]), np.nan, ordered)
    return ordered[..., cut : values.shape[-1] - cut].mean(axis=-1)


def change(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Mean of the paired differences over the last axis as a fraction of the reference's mean; NaN where that is 0."""
    base = reference.mean(axis=-1)
    difference = (values - reference).mean(axis=-1)
    return np.divide(difference, base, out=np.full_like(base, np.nan), where=base != 0)


def bootstrap(statistic: Statistic, *samples: np.ndarray, level: float = LEVEL) -> Interval:
    """Bias-corrected and accelerated bootstrap interval (Efron 1987).

    Several samples are resampled together: their values are paired, position by position. The resampling is seeded, so
    the same values always give the same interval.

    Args:
        statistic: Function of as many arrays as there are samples, over their last axis.
        samples: One-dimensional arrays of the same length.
        level: Confidence level.
    """
    n = len(samples[0])
    estimate = float(statistic(*samples))
    if n < 2 or np.isnan(estimate):
        return Interval(estimate, np.nan, np.nan)
    picked = _picked(n)
    resampled = np.asarray(statistic(*(sample[picked] for sample in samples)))
    spread = resampled.max() - resampled.min()
    if not spread > 1e-12 * abs(estimate):
        return Interval(estimate, estimate, estimate)
    left_out = ~np.eye(n, dtype=bool)
    jackknife = np.array([float(statistic(*(sample[kept] for sample in samples))) for kept in left_out])
    low, high = _bca_levels(estimate, resampled, jackknife, level)
    return Interval(estimate, *(float(end) for end in np.quantile(resampled, (low, high))))


@cache
def _picked(n: int) -> np.ndarray:
    """Which values each resample consists of."""
    return np.random.default_rng(_SEED).integers(0, n, (RESAMPLES, n))


def _bca_levels(estimate: float, resampled: np.ndarray, jackknife: np.ndarray, level: float) -> tuple[float, float]:
    normal = NormalDist()
    below = np.mean(resampled < estimate) + 0.5 * np.mean(resampled == estimate)
    bias = normal.inv_cdf(float(np.clip(below, 0.5 / RESAMPLES, 1 - 0.5 / RESAMPLES)))
    deviation = jackknife.mean() - jackknife
    scale = float((deviation**2).sum()) ** 1.5
    acceleration = float((deviation**3).sum()) / (6.0 * scale) if scale > 0 else 0.0

    def level_of(z: float) -> float:
        return normal.cdf(bias + (bias + z) / (1.0 - acceleration * (bias + z)))

    z = normal.inv_cdf((1.0 + level) / 2.0)
    return level_of(-z), level_of(z)
