"""Whether differences may be chance: intervals over several scenarios at once, p-values, and many of them."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from agentsim_env.training.statistics import LEVEL, RESAMPLES, Interval

_SEED = 0
_BATCH = 1000


def bootstrap_within(statistic: Callable[..., np.ndarray], sizes: Sequence[int]) -> Interval:
    """Bias-corrected and accelerated bootstrap interval of a figure that is made of several samples.

    Each sample is resampled for itself, as scenarios are: their seeds are chance, which scenarios there are is not.
    What is paired within a sample stays so, because places are drawn and not values.

    Args:
        statistic: Function of one array of places for each sample, `int [..., size]`, that gives the figure over the
            last axis.
        sizes: How many values each sample has.
    """
    from scipy.stats import bootstrap

    places = tuple(np.arange(size) for size in sizes)
    estimate = float(statistic(*places))
    if np.isnan(estimate) or min(sizes) < 2:
        return Interval(estimate, np.nan, np.nan)

    def of_places(*drawn: np.ndarray, axis: int) -> np.ndarray:
        return statistic(*(np.moveaxis(array, axis, -1) for array in drawn))

    with np.errstate(invalid="ignore", divide="ignore"):
        rng = np.random.default_rng(_SEED)
        probe = np.asarray(statistic(*(rng.integers(0, size, (64, size)) for size in sizes)))
        if not np.ptp(probe) > 1e-12 * abs(estimate):
            return Interval(estimate, estimate, estimate)
        found = bootstrap(
            places,
            of_places,
            n_resamples=RESAMPLES,
            batch=_BATCH,
            confidence_level=LEVEL,
            vectorized=True,
            method="BCa",
            rng=np.random.default_rng(_SEED),
        )
    return Interval(estimate, float(found.confidence_interval.low), float(found.confidence_interval.high))


def p_value(values: np.ndarray, reference: np.ndarray) -> float:
    """How likely a mean difference as large as that of two paired samples is by chance, two-sided.

    If both came to the same, each difference could as well have the other sign: a permutation test over signs, of all
    of them where they are few, else of as many as there are resamples. NaN where a value is NaN.
    """
    difference = values - reference
    if np.isnan(difference).any() or len(difference) < 2:
        return float("nan")
    found = abs(difference.sum())
    by_chance = np.abs(_signs(len(difference)) @ difference)
    return float(np.mean(by_chance >= found * (1.0 - 1e-9)))


@lru_cache(maxsize=8)
def _signs(size: int) -> np.ndarray:
    """Signs of so many differences, those that were found first, `float [ways, size]`."""
    if 2**size <= RESAMPLES:
        bits = np.arange(2**size)[:, None] >> np.arange(size) & 1
        return 1.0 - 2.0 * bits
    drawn = np.random.default_rng(_SEED).integers(0, 2, (RESAMPLES, size))
    drawn[0] = 0
    return 1.0 - 2.0 * drawn


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several comparisons, each raised so that the chance of even one wrong finding stays bounded.

    Holm (1979): the smallest times the number of comparisons, the next times one less, and so on, none below the one
    before, none above 1. NaN stays NaN and does not count as a comparison.
    """
    raised = list(map(float, p_values))
    known = [place for place, p in enumerate(raised) if not np.isnan(p)]
    highest = 0.0
    for rank, place in enumerate(sorted(known, key=lambda place: raised[place])):
        highest = max(highest, min(1.0, (len(known) - rank) * raised[place]))
        raised[place] = highest
    return raised
