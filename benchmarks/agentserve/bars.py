"""What a published figure asks of the simulation, and whether it is met."""

from collections.abc import Sequence
from typing import NamedTuple


class Bar(NamedTuple):
    """One row of the summary.

    Attributes:
        what: The figure.
        reported: Its published value.
        ours: What is simulated.
        order: Whether the order agrees; None where there is nothing to put in order.
        size: Whether the size agrees; None where none is published.
        why: Letter of the reason on the page, where something does not agree.
    """

    what: str
    reported: str
    ours: str
    order: bool | None
    size: bool | None
    why: str = "-"


def bar_lines(bars: Sequence[Bar]) -> list[str]:
    """The summary, as a table in Markdown."""
    lines = ["| figure | reported | ours | order | size | why |", "|---|---:|---:|---|---|---|"]
    for bar in bars:
        why = bar.why if False in (bar.order, bar.size) else "-"
        lines.append(
            f"| {bar.what} | {bar.reported} | {bar.ours} | {verdict(bar.order)} | {verdict(bar.size)} | {why} |"
        )
    return lines


def verdict(agrees: bool | None) -> str:
    """A word for it."""
    return {True: "yes", False: "no", None: "-"}[agrees]
