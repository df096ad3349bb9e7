"""What follows from the episodes of a benchmark: a score for the suite, and comparisons case by case."""

from collections.abc import Callable, Sequence
from math import isnan
from typing import Any

import numpy as np

from agentsim_env.training.benchmark.outcome import WORST_TENTH, Played
from agentsim_env.training.benchmark.suite import BEST, OPPONENTS, STOCK
from agentsim_env.training.significance import bootstrap_within, holm, p_value
from agentsim_env.training.statistics import Interval, bootstrap, change, iqm, mean

_P95 = "p95_jct_s"


def scores_of(cases: Sequence[Played], agents: Sequence[str]) -> dict[str, Any]:
    """All that is concluded, in the form in which it is written.

    Args:
        cases: The cases.
        agents: Names of the agents, the two opponents among them.

    Returns:
        `suite`, a row for each agent, the highest score first; `cases`, a row for each case and agent; `unscored`, the
        cases that the score leaves out, with the reason.
    """
    unscored = {case.case: reason for case in cases if (reason := _unfit(case, agents)) is not None}
    scored = [case for case in cases if case.case not in unscored]
    rows = [_suite_row(agent, scored) for agent in agents] if scored else []
    rows.sort(key=lambda row: (row["score"]["estimate"] is None, -(row["score"]["estimate"] or 0.0)))
    return {"suite": rows, "cases": _case_rows(cases, agents), "unscored": unscored}


def _unfit(case: Played, agents: Sequence[str]) -> str | None:
    costs = {agent: case.costs(agent) for agent in agents}
    without = next((agent for agent in agents if np.isnan(costs[agent]).any()), None)
    if without is not None:
        return f"{without} has episodes without a cost"
    free = next((agent for agent in agents if not (costs[agent] > 0).all()), None)
    return None if free is None else f"{free} has episodes that cost nothing, and no ratio can be told"


def _suite_row(agent: str, cases: Sequence[Played]) -> dict[str, Any]:
    return {
        "agent": agent,
        "score": _written(_over(cases, agent, _score)),
        "iqm_of_stock": _written(_over(cases, agent, _iqm_of_stock)),
        "better_than_stock": _written(_over(cases, agent, _better_than(STOCK))),
        "better_than_best": _written(_over(cases, agent, _better_than(BEST))),
    }


Costs = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Of an agent, of stock and of the best, in one case, over the last axis."""


def _over(cases: Sequence[Played], agent: str, figure: Callable[[Sequence[Costs]], np.ndarray]) -> Interval:
    """A figure of an agent over all cases, with its interval."""
    costs = [(case.costs(agent), case.costs(STOCK), case.costs(BEST)) for case in cases]

    def at(*places: np.ndarray) -> np.ndarray:
        drawn = zip(costs, places, strict=True)
        return figure([(own[place], stock[place], best[place]) for (own, stock, best), place in drawn])

    return bootstrap_within(at, [len(case.seeds) for case in cases])


def _score(cases: Sequence[Costs]) -> np.ndarray:
    """How far an agent comes on the way from stock to the best: by the logarithm of mean costs, over all cases.

    Costs of cases have different sizes, and ratios have not. Numerator and denominator are summed first, so that a case
    where the best gains little on stock weighs little. NaN where the best gains nothing at all.
    """
    gained: Any = sum(np.log(mean(stock) / mean(own)) for own, stock, _ in cases)
    possible: Any = sum(np.log(mean(stock) / mean(best)) for _, stock, best in cases)
    gained, possible = np.broadcast_arrays(gained, possible)
    return np.divide(gained, possible, out=np.full(gained.shape, np.nan), where=possible > 0)


def _iqm_of_stock(cases: Sequence[Costs]) -> np.ndarray:
    """Inter-quartile mean over all episodes of the cost as a fraction of that of stock on the same programs."""
    return iqm(_joined([own / stock for own, stock, _ in cases]))


def _better_than(opponent: str) -> Callable[[Sequence[Costs]], np.ndarray]:
    """Probability of improvement: on what share of the seeds an agent costs less, ties half; each case weighs alike."""
    column = 1 + OPPONENTS.index(opponent)

    def share(cases: Sequence[Costs]) -> np.ndarray:
        return np.mean(np.broadcast_arrays(*(_wins(case[0], case[column]) for case in cases)), axis=0)

    return share


def _wins(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return mean((values < reference) + 0.5 * (values == reference))


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Samples behind one another; where one is resampled and another is not, the other is repeated."""
    shape = np.broadcast_shapes(*(array.shape[:-1] for array in arrays))
    return np.concatenate([np.broadcast_to(array, (*shape, array.shape[-1])) for array in arrays], axis=-1)


def _case_rows(cases: Sequence[Played], agents: Sequence[str]) -> list[dict[str, Any]]:
    rows = [_case_row(case, agent) for case in cases for agent in agents]
    for opponent in OPPONENTS:
        compared = [row for row in rows if row["agent"] not in OPPONENTS]
        for row, p in zip(compared, holm([row[f"p_{opponent}"] for row in compared]), strict=True):
            row[f"p_{opponent}_holm"] = p
    return [{key: _plain(value) for key, value in row.items()} for row in rows]


def _case_row(case: Played, agent: str) -> dict[str, Any]:
    costs = case.costs(agent)
    row: dict[str, Any] = {
        "case": case.case,
        "agent": agent,
        "cost": bootstrap(mean, costs),
        "iqm": bootstrap(iqm, costs),
    }
    for opponent in OPPONENTS:
        theirs = case.costs(opponent)
        row[f"change_{opponent}"] = bootstrap(change, costs, theirs)
        row[f"wins_{opponent}"] = float(_wins(costs, theirs))
        row[f"p_{opponent}"] = p_value(costs, theirs)
    for name in (_P95, WORST_TENTH):
        row[f"{name}_change_best"] = bootstrap(change, case.figures(agent, name), case.figures(BEST, name))
    return row


def _plain(value: Any) -> Any:
    if isinstance(value, Interval):
        return _written(value)
    return None if isinstance(value, float) and isnan(value) else value


def _written(interval: Interval) -> dict[str, float | None]:
    """JSON knows no NaN."""
    return {name: None if isnan(end) else end for name, end in interval._asdict().items()}


def interval(written: dict[str, float | None]) -> Interval:
    """An interval as it stands in a file."""
    return Interval(*(float("nan") if end is None else end for end in written.values()))
