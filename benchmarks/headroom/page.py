"""The page of what there is to gain."""

from collections.abc import Sequence
from typing import NamedTuple

from agentsim_env.prose import wrapped
from benchmarks.headroom.rollouts import Improved
from benchmarks.headroom.rows import Headroom, Row


class Rolled(NamedTuple):
    """An episode of a kind in a scenario that rollouts went through, and how long it took."""

    scenario: str
    kind: str
    rule: str
    seed: int
    improved: Improved
    cpu_s: float


INTRODUCTION = """\
# Headroom

Written by `python -m benchmarks.headroom`. How much there is to gain in a scenario, by kind of decision and jointly:
stock rules (`agentservesim.stock`), the best published rule of the kind beside them, the best that a search finds, and
a bound below which no schedule can be. Costs are means in seconds of the time that a program waits and is served, with
the charges for those that are not served; percentages are against stock.

The search is that of [`agentsim search-rules`](evaluation.md#the-best-combination-of-rules): on training seeds only,
{budget:,} episodes a scenario, one half for all kinds jointly, the other in equal parts for each kind by itself. The
figures are of {seeds} held-out seeds. The bound is that of [metrics](metrics.md): each turn on the instance that is
fastest for it, alone, with all in the cache that can be there. Nobody reaches it under load. So few
episodes hardly tune a parameter, and find combinations that are good, not the best: with more,
`agentsim search-rules --budget` goes further.
"""

ROLLOUTS = """\
## With the future known

At each decision of one kind every legal answer is tried: the episode is played on to its end by the rules, on the very
programs that come, and the answer that costs least is given. One level, one pass; nobody can answer so, but what is
found can be got. The rules are those of the scenario, with the named one.
"""


def page(found: Sequence[Headroom], rolled: Sequence[Rolled], budget: int, seeds: int) -> str:
    """The whole page."""
    parts = [INTRODUCTION.format(budget=budget, seeds=seeds)]
    for one in found:
        parts.append(f"## {one.scenario}\n\nStock {one.stock_s:.1f} s, bound {one.bound_s:.1f} s.\n")
        parts.append("\n".join([*HEAD, *(_line(one, row) for row in one.rows)]) + "\n")
    if rolled:
        parts.append(ROLLOUTS)
        parts.append("\n".join([*ROLLED_HEAD, *(_rolled_line(one) for one in rolled)]) + "\n")
    return wrapped("\n".join(parts))


HEAD = ("| kind | best rule | (s) | | best found | (s) | |", "|---|---|---:|---:|---|---:|---:|")
ROLLED_HEAD = (
    "| scenario | kind | rule | seed | by the rule (s) | with rollouts (s) | | answers changed | rollouts | CPU s |",
    "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
)


def _line(one: Headroom, row: Row) -> str:
    cells = [row.kind]
    for side in (row.rule, row.tuned):
        change = side.cost_s / one.stock_s - 1.0
        cells += [f"`{side.combination.describe()}`", f"{side.cost_s:.1f}", f"{100 * change:+.1f} %"]
    return f"| {' | '.join(cells)} |"


def _rolled_line(one: Rolled) -> str:
    found = one.improved
    change = f"{100 * (found.cost_s / found.rules_s - 1.0):+.1f} %"
    costs = [f"{found.rules_s:.1f}", f"{found.cost_s:.1f}", change]
    changed = f"{found.changed} of {found.decisions}"
    cells = [one.scenario, one.kind, f"`{one.rule}`", str(one.seed), *costs, changed, f"{found.rollouts:,}"]
    return f"| {' | '.join(cells)} | {one.cpu_s:.0f} |"
