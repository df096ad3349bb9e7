"""The table of both simulators."""

from collections.abc import Callable
from statistics import median

from benchmarks.peers.outcome import COUNTS, Outcome

HEADINGS = ("", "agentsim-env", "AISimulate", "difference")

FIGURES: tuple[tuple[str, Callable[[Outcome], float], str], ...] = (
    ("mean JCT (s)", lambda outcome: outcome.mean_jct_s, ",.1f"),
    ("mean TTFT (ms)", lambda outcome: outcome.mean_ttft_s * 1e3, ",.0f"),
    ("mean TPOT (ms)", lambda outcome: outcome.mean_tpot_s * 1e3, ",.1f"),
    ("hit rate (%)", lambda outcome: outcome.hit_rate * 100.0, ".1f"),
)
TIMES: tuple[tuple[str, Callable[[Outcome], float], str], ...] = (
    ("turns per second of the replay", lambda outcome: median(outcome.turns_per_s), ",.0f"),
    ("from nothing to the figures (s)", lambda outcome: outcome.command_s, ",.1f"),
)


def lines(ours: Outcome, theirs: Outcome | None) -> list[tuple[str, str, str, str]]:
    """Rows of the table: counts, figures, times."""
    found: list[tuple[str, str, str, str]] = []
    for name in COUNTS:
        mine, other = getattr(ours, name), None if theirs is None else getattr(theirs, name)
        equal = "" if other is None else "equal" if mine == other else f"{mine - other:+,}"
        found.append((name.replace("_", " "), f"{mine:,}", "" if other is None else f"{other:,}", equal))
    for name, figure, form in FIGURES:
        mine, other = figure(ours), None if theirs is None else figure(theirs)
        change = "" if not other else f"{100.0 * (mine / other - 1.0):+.1f} %"
        found.append((name, format(mine, form), "" if other is None else format(other, form), change))
    for name, figure, form in TIMES:
        mine, other = figure(ours), None if theirs is None else figure(theirs)
        found.append((name, format(mine, form), "" if other is None else format(other, form), ""))
    return found


def are_equal(ours: Outcome, theirs: Outcome) -> bool:
    """Whether both have served the same turns and tokens."""
    return all(getattr(ours, name) == getattr(theirs, name) for name in COUNTS)
