"""Measured against simulated: timelines of runs, curves of operating points."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agentsim_env.validation.errors import Outcome
from agentsim_env.validation.timings import Timings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEASURED, SIMULATED, LINE = "#000000", "#0072B2", "#AAAAAA"  # colour-blind safe (Okabe & Ito)


def draw(outcomes: Sequence[Outcome], file: Path) -> None:
    """Draw one row of panels a run with single requests, and one row for all operating points.

    Args:
        outcomes: The runs.
        file: The picture; its ending says in which format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    runs = [outcome for outcome in outcomes if outcome.run.requests is not None]
    points = [outcome for outcome in outcomes if outcome.run.requests is None]
    rows = len(runs) + bool(points)
    figure = Figure(figsize=(12, 3.2 * max(1, rows)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(max(1, rows), 3, squeeze=False)
    for row, outcome in zip(panels, runs, strict=False):
        _draw_run(row, outcome)
    if runs:
        figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=4, frameon=False)
    if points:
        _draw_points(panels[-1], points)
    figure.savefig(file, dpi=130)


def _draw_run(panels: "Sequence[Axes]", outcome: Outcome) -> None:
    measured, simulated = outcome.run.requests, outcome.replay.requests
    assert measured is not None
    left, middle, right = panels
    _timeline(left, measured, MEASURED, "measured")
    _timeline(left, simulated, SIMULATED, "simulated")
    left.set(xlabel="seconds", ylabel="requests")
    left.set_title(outcome.run.name, loc="left")  # it may be longer than the panel is wide
    for panel, metric, label in ((middle, "ttft_s", "TTFT, s"), (right, "tpot_s", "TPOT, ms")):
        scale = 1e3 if metric == "tpot_s" else 1.0
        one, other = scale * getattr(measured, metric), scale * getattr(simulated, metric)
        _diagonal(panel, float(np.nanmin(one)), float(np.nanmax(one)))
        panel.plot(one, other, ".", markersize=3, color=SIMULATED)
        panel.set(xlabel=f"measured {label}", ylabel=f"simulated {label}")


def _timeline(panel: "Axes", requests: Timings, colour: str, label: str) -> None:
    """Requests that have their first token but not their last, over time."""
    times = np.concatenate([requests.first_token_s, requests.end_s])
    steps = np.concatenate([np.ones(len(requests.end_s)), -np.ones(len(requests.end_s))])
    order = np.argsort(times, kind="stable")
    panel.plot(times[order], np.cumsum(steps[order]), color=colour, linewidth=1, label=f"{label}: generating")
    ended = np.sort(requests.end_s)
    panel.plot(ended, np.arange(1, len(ended) + 1), color=colour, linewidth=1, linestyle=":", label=f"{label}: ended")


def _draw_points(panels: "Sequence[Axes]", outcomes: Sequence[Outcome]) -> None:
    found = defaultdict(list)
    for outcome in outcomes:
        for value in outcome.differences:
            found[value.metric].append((value.measured, value.simulated))
    for panel, metric, label in zip(
        panels, ("ttft_s", "tpot_s", "e2e_s"), ("TTFT, ms", "TPOT, ms", "end to end, ms"), strict=True
    ):
        pairs = 1e3 * np.array(found[metric]) if found[metric] else np.zeros((0, 2))
        if len(pairs) == 0:
            panel.set_axis_off()
            continue
        _diagonal(panel, float(pairs.min()), float(pairs.max()))
        panel.plot(pairs[:, 0], pairs[:, 1], ".", color=SIMULATED)
        panel.set(xscale="log", yscale="log", xlabel=f"measured {label}", ylabel=f"simulated {label}")
    panels[0].set_title(f"{len(outcomes)} points")


def _diagonal(panel: "Axes", low: float, high: float) -> None:
    panel.plot([low, high], [low, high], color=LINE, linewidth=1)
