"""A latency table between its knots and beyond."""

from typing import Any

import numpy as np


def table_at(points: np.ndarray, knots: Any, values: Any) -> np.ndarray:
    """A table of a profile at many points.

    Linear between knots, constant below the first, the last two extended beyond the last.
    """
    knots, values = np.asarray(knots, float), np.asarray(values, float)
    inside = np.interp(points, knots, values)
    if len(knots) == 1:
        return inside
    slope = (values[-1] - values[-2]) / (knots[-1] - knots[-2])
    return np.where(points > knots[-1], values[-1] + slope * (points - knots[-1]), inside)
