"""The picture of a trace: lengths, turns, waits by tool, and arrivals."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agentsim_env.workload.programs import Programs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colour-blind safe (Okabe & Ito)
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_LEAST_S = 1e-3
_BINS = 60


def save_picture(programs: Programs, title: str, path: Path) -> None:
    """Draws a workload; the ending of `path` says in which format."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 6.4), layout="constrained", dpi=160)
    FigureCanvasAgg(figure)
    (lengths, turns), (waits, arrivals) = figure.subplots(2, 2)
    turn = programs.turn
    tokens = {name: turn[f"{name}_tokens"] for name in ("prompt", "new", "output")}
    _distributions(lengths, tokens, "tokens", "lengths of turns")
    _distributions(turns, {"": programs.program["n_turns"]}, "turns", "turns of a program")
    by_tool = {tool.name: programs.edge["gap_s"][programs.edge["tool"] == at] for at, tool in enumerate(programs.tools)}
    longest = sorted(by_tool, key=lambda name: -float(by_tool[name].sum()))[: len(_COLOURS)]
    shown = {name: np.maximum(by_tool[name], _LEAST_S) for name in longest}
    _distributions(waits, shown, "seconds", "waits, by tool")
    _draw_arrivals(arrivals, programs)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    figure.savefig(path)


def _distributions(axes: "Axes", values: dict[str, np.ndarray], unit: str, title: str) -> None:
    """The share of values up to each value."""
    for (name, found), colour in zip(values.items(), _COLOURS, strict=False):
        if len(found):
            label = f"{name} ({len(found):,})" if name else None
            axes.ecdf(found, color=colour, linewidth=1.6, label=label)
    axes.set_xscale("log")
    axes.set(xlabel=unit, ylabel="share", ylim=(0.0, 1.02))
    if any(values) and any(len(found) for found in values.values()):
        axes.legend(frameon=False, fontsize=8, loc="upper right")
    _finish(axes, title)


def _draw_arrivals(axes: "Axes", programs: Programs) -> None:
    program = programs.program
    arrival_s = program["arrival_s"][program["after"] < 0]
    title = "arrivals of programs"
    if len(arrival_s) and float(arrival_s.max()) > 0.0:
        axes.hist(arrival_s, bins=_BINS, color=_COLOURS[0])
        axes.set(xlabel="seconds", ylabel="programs")
    else:
        axes.text(0.5, 0.5, "all at once, or not recorded", ha="center", va="center", transform=axes.transAxes)
        axes.set(xticks=[], yticks=[])
    _finish(axes, title)


def _finish(axes: "Axes", title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E5E5E5", linewidth=0.6)
    axes.set_axisbelow(True)
