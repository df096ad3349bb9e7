"""How far a replay is from what was measured."""

from typing import NamedTuple

import numpy as np

from agentsim_env.validation.measurements import Run
from agentsim_env.validation.replay import Replay
from agentsim_env.validation.timings import METRICS, STATISTICS, Array, Timings


class Difference(NamedTuple):
    """One statistic of one metric; seconds, or tokens per second."""

    metric: str
    statistic: str
    measured: float
    simulated: float

    @property
    def error(self) -> float:
        """Relative: positive where the simulation is above."""
        return self.simulated / self.measured - 1.0


class RequestErrors(NamedTuple):
    """Relative errors of single requests in one metric: mean and quantiles of their size."""

    metric: str
    mean: float
    p50: float
    p95: float


class Outcome(NamedTuple):
    """A measured run and its replay."""

    run: Run
    replay: Replay
    differences: tuple[Difference, ...]
    per_request: tuple[RequestErrors, ...]
    wall_s: float

    def difference(self, metric: str, statistic: str) -> Difference | None:
        """One of the differences, if it was measured."""
        for found in self.differences:
            if (found.metric, found.statistic) == (metric, statistic):
                return found
        return None


class Spread(NamedTuple):
    """Errors of several points in one statistic: mean of the sizes, mean with signs, the largest in size."""

    metric: str
    statistic: str
    points: int
    mean_size: float
    bias: float
    worst: float


def compare(run: Run, replayed: Replay, wall_s: float) -> Outcome:
    """Hold a replay against the run."""
    simulated = replayed.requests
    if run.requests is None:
        keys = list(run.measured)
        values = run.measured
        single: tuple[RequestErrors, ...] = ()
    else:
        keys = [*((metric, name) for metric in METRICS for name in STATISTICS), ("tokens_per_s", "total")]
        values = {key: run.requests.statistic(*key) for key in keys}
        single = request_errors(run.requests, simulated)
    differences = [Difference(*key, values[key], simulated.statistic(*key)) for key in keys]
    kept = tuple(found for found in differences if np.isfinite(found.measured) and found.measured > 0)
    return Outcome(run, replayed, kept, single, wall_s)


def request_errors(measured: Timings, simulated: Timings) -> tuple[RequestErrors, ...]:
    """Errors of every request, by metric."""
    found = []
    for metric in METRICS:
        error = relative(getattr(measured, metric), getattr(simulated, metric))
        size = np.abs(error[np.isfinite(error)])
        if len(size):
            p50, p95 = np.quantile(size, [0.5, 0.95])
            found.append(RequestErrors(metric, float(size.mean()), float(p50), float(p95)))
    return tuple(found)


def relative(measured: Array, simulated: Array) -> Array:
    """Relative error of each entry; NaN where nothing was measured."""
    return simulated / np.where(measured > 0, measured, np.nan) - 1.0


def spreads(outcomes: list[Outcome] | tuple[Outcome, ...]) -> list[Spread]:
    """Errors over all points, by metric and statistic."""
    errors: dict[tuple[str, str], list[float]] = {}
    for outcome in outcomes:
        for found in outcome.differences:
            errors.setdefault((found.metric, found.statistic), []).append(found.error)
    spread = []
    for (metric, statistic), values in errors.items():
        array = np.array(values)
        worst = float(array[np.argmax(np.abs(array))])
        spread.append(Spread(metric, statistic, len(array), float(np.abs(array).mean()), float(array.mean()), worst))
    return spread
