"""Boxes, arrows and labels from which the pictures of these pages are made.

A picture has the same bytes on every run: letters are paths, and the file names neither a date nor a random identifier.
"""

import io
from collections.abc import Callable, Iterable
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle

PIXELS_PER_INCH = 96
STYLE = {"font.family": "DejaVu Sans", "svg.fonttype": "path"}

INK, QUIET, LINE = "#1f2933", "#52606d", "#9aa5b1"
PAPER, CARD = "#ffffff", "#f5f7fa"
# Okabe and Ito's colours, which are told apart by everybody.
WAITING, PREFILL, DECODE = "#cfe4f3", "#56b4e9", "#0072b2"
TOOL, DECISION = "#009e73", "#ffc845"
IN_USE, PINNED, IDLE, FREE = DECODE, "#cc79a7", "#b9d9c9", PAPER


def rounded(x: float, y: float, width: float, height: float, radius: float, **style: Any) -> FancyBboxPatch:
    """A rectangle with round corners."""
    return FancyBboxPatch((x, y), width, height, f"round,pad=0,rounding_size={radius}", **style)


class Drawing:
    """Boxes, arrows and labels on a sheet of paper."""

    def __init__(self, axes: Axes) -> None:
        self.axes = axes

    def text(self, x: float, y: float, words: str, size: float = 12, align: str = "left", **style: Any) -> None:
        """Words, `size` pixels high, centred on `y`."""
        points = size * 72 / PIXELS_PER_INCH
        self.axes.text(x, y, words, fontsize=points, ha=align, va="center", **{"color": INK, "zorder": 5} | style)

    def box(self, x: float, y: float, width: float, height: float, title: str = "", fill: str = CARD) -> None:
        """A part of the system, with its name in the upper left corner."""
        self.axes.add_patch(rounded(x, y, width, height, radius=8, facecolor=fill, edgecolor=LINE))
        self.text(x + 12, y + 17, title, 13.5, weight="bold")

    def bar(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        """A block, a turn, or a stretch of time."""
        self.axes.add_patch(Rectangle((x, y), width, height, facecolor=fill, edgecolor=PAPER, linewidth=1, zorder=3))
        if fill in (FREE, WAITING):
            edge = LINE if fill == FREE else PREFILL
            self.axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=edge, linewidth=0.7, zorder=3))

    def bars(
        self, x: float, y: float, colours: list[str], width: float = 10, height: float = 16, gap: float = 2
    ) -> None:
        """Several of them in a row."""
        for place, colour in enumerate(colours):
            self.bar(x + place * (width + gap), y, width, height, colour)

    def arrow(self, *corners: tuple[float, float], colour: str = QUIET, both: bool = False) -> None:
        """A way through these corners, with its head at the last."""
        line: dict[str, Any] = {"color": colour, "linewidth": 1.4, "zorder": 2}
        self.axes.plot(*zip(*corners[:-1], strict=True), solid_capstyle="round", **line)
        style = "<|-|>" if both else "-|>"
        self.axes.add_patch(
            FancyArrowPatch(*corners[-2:], arrowstyle=style, mutation_scale=11, shrinkA=0, shrinkB=0, **line)
        )

    def dot(self, x: float, y: float, radius: float, fill: str) -> None:
        """A disc."""
        self.axes.add_patch(Circle((x, y), radius, facecolor=fill, edgecolor="none", zorder=6))

    def decision(self, x: float, y: float, kind: str) -> None:
        """A point at which a kind of decision is asked, centred on `x` and `y`."""
        width = 7.0 * len(kind) + 16
        colours: dict[str, Any] = {"facecolor": DECISION, "edgecolor": INK, "linewidth": 0.9, "zorder": 4}
        self.axes.add_patch(rounded(x - width / 2, y - 10, width, 20, radius=10, **colours))
        self.text(x, y, kind, 11.5, "center", family="DejaVu Sans Mono")


def svg(name: str, width: float, height: float, parts: Iterable[Callable[[Drawing], None]]) -> bytes:
    """A picture as an SVG file.

    Args:
        name: Of the picture; identifiers in the file are made of it.
        width: In CSS pixels. Everything is drawn in these, y downwards.
        height: Likewise.
        parts: What draws on it, one after another.
    """
    style: dict[Any, Any] = {**STYLE, "svg.hashsalt": name}
    with rc_context(style):
        figure = Figure(figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH), facecolor="none")
        FigureCanvasSVG(figure)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        sheet = Drawing(axes)
        paper: dict[str, Any] = {"facecolor": PAPER, "edgecolor": "none", "zorder": 0}
        axes.add_patch(rounded(2, 2, width - 4, height - 4, radius=12, **paper))
        for part in parts:
            part(sheet)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()
