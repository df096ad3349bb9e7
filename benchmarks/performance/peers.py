"""What the page says of another simulator on the same trace."""

from statistics import median
from typing import Any

from benchmarks.peers.outcome import Outcome
from benchmarks.peers.table import HEADINGS, are_equal, lines
from benchmarks.speed.rows import Bar

FACTOR = Bar(300.0)
"""Turns per second here over those there."""


def peers(found: dict[str, Any] | None) -> str:
    """The table."""
    if found is None:
        return "Not measured yet: `python -m benchmarks.peers`."
    rows = lines(Outcome.from_json(found["ours"]), Outcome.from_json(found["theirs"]))
    text = [f"| {' | '.join(HEADINGS)} |", "|---|---:|---:|---:|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(text)


def factor(found: dict[str, Any] | None) -> str:
    """How much faster, against the bar."""
    if found is None:
        return ""
    ours, theirs = (Outcome.from_json(found[name]) for name in ("ours", "theirs"))
    times = median(ours.turns_per_s) / median(theirs.turns_per_s)
    verdict = "met" if times >= FACTOR.limit and are_equal(ours, theirs) else "missed"
    return (
        f"{times:,.0f} times its turns per second, by clocks around the replays alone (bar: {FACTOR}, with turns and"
        f" tokens equal; {verdict}). `{found['scenario']}`, {found['programs']} programs of seed"
        f" {found['seed']}, AISimulate {found['machine']['aisimulate']}; medians of {len(theirs.turns_per_s)} runs,"
        f" measured {found['machine']['date']} on {found['machine']['cpu']}, {found['machine']['cores']} cores."
    )
