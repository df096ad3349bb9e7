"""The picture of a benchmark: performance profiles, and scores with their intervals."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agentsim_env.training.benchmark.outcome import Outcome
from agentsim_env.training.benchmark.scores import interval
from agentsim_env.training.benchmark.suite import BEST, OPPONENTS, STOCK
from agentsim_env.training.plots import STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#0072B2", "#E69F00", "#CC79A7", "#56B4E9", "#009E73", "#D55E00")  # Okabe & Ito, colour-blind safe
_OF_OPPONENTS = {STOCK: ("#000000", "--"), BEST: ("#000000", "-")}
_POINTS = 400


def save_profiles(outcome: Outcome, path: Path) -> None:
    """Draws the picture; the ending of `path` says in which format.

    Args:
        outcome: The benchmark.
        path: The file.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(12.0, max(3.4, 0.32 * len(outcome.names) + 1.9)), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.15))
        _draw_scores(left, outcome)
        _draw_profiles(right, outcome)
        figure.savefig(path)


def profile(outcome: Outcome, agent: str, ratios: np.ndarray) -> np.ndarray:
    """Share of the episodes that cost at most so much of what stock costs on the same programs; cases weigh alike.

    Args:
        outcome: The benchmark.
        agent: Name of the agent.
        ratios: Costs as fractions of those of stock, `float [n]`.
    """
    shares = [np.mean(of_case[:, None] <= ratios, axis=0) for of_case in _of_stock(outcome, agent)]
    return np.mean(shares, axis=0) if shares else np.full(len(ratios), np.nan)


def _of_stock(outcome: Outcome, agent: str) -> list[np.ndarray]:
    """Costs as fractions of those of stock, for each case that counts."""
    cases = [case for case in outcome.played if case.case not in outcome.scores["unscored"]]
    return [case.costs(agent) / case.costs(STOCK) for case in cases]


def _draw_scores(axes: "Axes", outcome: Outcome) -> None:
    rows = [row for row in outcome.scores["suite"] if row["score"]["estimate"] is not None]
    for at in (0.0, 1.0):
        axes.axvline(at, color="#888888", linewidth=0.8)
    for place, row in enumerate(rows):
        score, colour = interval(row["score"]), _colour(outcome, row["agent"])[0]
        if not isnan(score.low):
            axes.plot([score.low, score.high], [place, place], color=colour, linewidth=2.4, solid_capstyle="butt")
        axes.plot(score.estimate, place, "D" if row["agent"] in OPPONENTS else "o", color=colour, markersize=5.5)
    axes.set_yticks(range(len(rows)), [f"{row['agent']}   {row['score']['estimate']:.2f}" for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    axes.grid(axis="x", color="#E5E5E5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("score: 0 stock, 1 best known rules, 95 % interval")
    axes.set_title(outcome.name)


def _draw_profiles(axes: "Axes", outcome: Outcome) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    ratios = [ratio for agent in outcome.names for ratio in _of_stock(outcome, agent)]
    low, high = (0.5, 2.0) if not ratios else np.quantile(np.concatenate(ratios), (0.0, 0.99))
    points = np.geomspace(0.98 * low, 1.02 * max(high, low), _POINTS)
    for agent in outcome.names:
        colour, style = _colour(outcome, agent)
        width = 1.2 if agent in OPPONENTS else 1.7
        axes.plot(points, profile(outcome, agent, points), style, color=colour, linewidth=width, label=agent)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.set_ylim(0.0, 1.02)
    axes.grid(color="#EEEEEE", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("cost, as a fraction of that of stock on the same programs")
    axes.set_ylabel("episodes that cost no more")
    axes.set_title("Performance profiles")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _colour(outcome: Outcome, agent: str) -> tuple[str, str]:
    """Colour and style of the line of an agent."""
    if agent in _OF_OPPONENTS:
        return _OF_OPPONENTS[agent]
    place = outcome.names.index(agent) - len(OPPONENTS)
    return _COLOURS[place % len(_COLOURS)], ("-", ":")[place // len(_COLOURS) % 2]
