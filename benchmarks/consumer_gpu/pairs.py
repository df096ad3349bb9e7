"""A figure measured and simulated, side by side: whether they agree, and how pages show them."""

from typing import NamedTuple

import numpy as np

WITHIN = 0.25
"""Sizes agree if the mean over the seeds is within this share of what was measured."""

TIE = 0.03
"""Two engines are alike in a figure if they differ by no more than this share."""


class Pair(NamedTuple):
    """A figure of one engine.

    Attributes:
        measured: What was measured; None where it was not.
        simulated: What was simulated, `f8 [seeds]`.
    """

    measured: float | None
    simulated: np.ndarray

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return float(self.simulated.mean())

    @property
    def agrees(self) -> bool | None:
        """Whether the size agrees; None if there is nothing to hold it against."""
        return None if self.measured is None else abs(self.mean / self.measured - 1.0) <= WITHIN


def order(one: float, other: float) -> int:
    """1 if the other is larger, -1 if it is smaller, 0 if they are alike."""
    return int(other / one > 1.0 + TIE) - int(other / one < 1.0 - TIE)


def number(value: float | None) -> str:
    """Three digits, or all of a larger one; a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:#.3g}" if value < 100 else f"{value:,.0f}"


def simulated(pair: Pair) -> str:
    """The mean over the seeds, with the 5th and 95th percentile."""
    low, high = np.percentile(pair.simulated, (5, 95))
    return f"**{number(pair.mean)}** [{number(low)}, {number(high)}]"
