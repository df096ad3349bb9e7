"""The picture of an evaluation: paired differences with their intervals, and the distribution of JCT behind them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agentsim_env.training.metrics import JCT
from agentsim_env.training.results import Results
from agentsim_env.training.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colour-blind safe (Okabe & Ito); grey is for what is not singled out.
_BETTER, _WORSE, _UNCLEAR, _REFERENCE = "#009E73", "#D55E00", "#7F7F7F", "#000000"
_LINES = ("#0072B2", "#E69F00", "#CC79A7", "#56B4E9")
STYLE: dict[Any, Any] = {
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": "#888888",
    "axes.labelcolor": "#333333",
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "figure.dpi": 160,
}
"""Of all pictures of results."""
_SINGLED_OUT = 4
_LEAST_SHOWN = 3e-3


def save_plot(results: Results, path: Path) -> None:
    """Draws the picture; the ending of `path` says in which format.

    Args:
        results: The results.
        path: The file.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        height = max(3.4, 0.32 * len(results.agents) + 1.9)
        figure = Figure(figsize=(11.0, height), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, width_ratios=(1.15, 1.0))
        _draw_differences(left, results)
        _draw_distributions(right, results)
        figure.savefig(path)


def _draw_differences(axes: "Axes", results: Results) -> None:
    axes.axvline(0.0, color=_REFERENCE, linewidth=0.8)
    for place, agent in enumerate(results.ranking):
        change = results.comparisons[agent][JCT.key].change
        if agent == results.reference:
            axes.plot(0.0, place, "D", color=_REFERENCE, markersize=5)
        else:
            _draw_interval(axes, place, change)
    values = np.array([results.comparisons[agent][JCT.key].mean.estimate for agent in results.ranking])
    labels = [f"{agent}   {JCT.show(value)} s" for agent, value in zip(results.ranking, values, strict=True)]
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="x", color="#E5E5E5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=6)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:+.0f} %" if value else "0")
    axes.set_xlabel(f"change of mean JCT against {results.reference}, paired, 95 % interval")
    n = len(results.seeds)
    axes.set_title(f"{results.scenario.name}: mean JCT over {n} seed{'s' if n > 1 else ''}")


def _draw_interval(axes: "Axes", place: int, change: Interval) -> None:
    colour = _UNCLEAR
    if change.excludes_zero:
        colour = _BETTER if change.estimate < 0 else _WORSE
    axes.plot([100 * change.low, 100 * change.high], [place, place], color=colour, linewidth=2.4, solid_capstyle="butt")
    axes.plot(100 * change.estimate, place, "o", color=colour, markersize=5.5)


def _draw_distributions(axes: "Axes", results: Results) -> None:
    singled_out = _singled_out(results)
    colours = iter(_LINES)
    for agent in reversed(results.ranking):
        if agent not in singled_out:
            axes.plot(*_survival(results.jct_s(agent)), color="#D0D0D0", linewidth=0.9)
    for agent in singled_out:
        is_reference = agent == results.reference
        colour = _REFERENCE if is_reference else next(colours)
        style = "--" if is_reference else "-"
        axes.plot(*_survival(results.jct_s(agent)), style, color=colour, linewidth=1.7, label=agent)
    if len(singled_out) < len(results.agents):
        axes.plot([], [], color="#D0D0D0", linewidth=0.9, label="others")
    axes.set_yscale("log")
    axes.set_ylim(_LEAST_SHOWN, 1.0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.grid(color="#EEEEEE", linewidth=0.6)
    axes.set_axisbelow(True)
    samples = [jct_s for agent in results.agents if len(jct_s := results.jct_s(agent))]
    axes.set_xlim(0.0, max((float(np.quantile(jct_s, 1.0 - _LEAST_SHOWN)) for jct_s in samples), default=1.0))
    axes.set_xlabel("JCT (s)")
    axes.set_ylabel("programs that take longer")
    axes.set_title("Distribution of JCT")
    axes.legend(frameon=False, loc="lower right")


def _singled_out(results: Results) -> list[str]:
    """The best agents and the reference, in the order of the ranking."""
    best = [agent for agent in results.ranking if agent != results.reference][:_SINGLED_OUT]
    return [agent for agent in results.ranking if agent in best or agent == results.reference]


def _survival(jct_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times, and the fraction of programs that take at least as long."""
    ordered = np.sort(jct_s)
    return ordered, 1.0 - np.arange(len(ordered)) / len(ordered)
