"""The tables of the page, one a scenario."""

from collections.abc import Callable
from math import isnan
from typing import NamedTuple

from agentsim_env.scenario.bundle import STOCK
from benchmarks.baselines.policies import Policy
from benchmarks.baselines.results import Results
from benchmarks.baselines.texts import percent

NEVER = "†"


class Column(NamedTuple):
    """A column: heading, figure, and how its mean is shown."""

    heading: str
    metric: str
    show: Callable[[float], str]


COLUMNS = (
    Column("mean JCT (s)", "mean_jct_s", lambda value: f"{value:,.1f}"),
    Column("p95 JCT (s)", "p95_jct_s", lambda value: f"{value:,.0f}"),
    Column("TTFT (s)", "mean_ttft_s", lambda value: f"{value:,.2f}"),
    Column("hit rate (%)", "hit_rate", lambda value: f"{100 * value:.1f}"),
    Column("recomputed (M tokens)", "recomputed_tokens", lambda value: f"{value / 1e6:,.2f}"),
    Column("wasted KV (M token-s)", "wasted_token_s", lambda value: f"{value / 1e6:,.1f}"),
    Column("over bound", "jct_over_ideal", lambda value: f"{value:.2f}"),
)


def table(results: Results, scenario: str) -> str:
    """All policies on a scenario, the best first."""
    headings = ["policy", "change of mean JCT (%)", *(column.heading for column in COLUMNS)]
    lines = [_line(headings), _line(["---", *["---:"] * (len(headings) - 1)])]
    lines += [_row(results, scenario, policy) for policy in results.by_jct(scenario)]
    return "\n".join(lines)


def _row(results: Results, scenario: str, policy: Policy) -> str:
    change = "" if policy.name == STOCK else percent(results, scenario, policy.name).replace(" %", "")
    cells = [label(results, scenario, policy), change]
    for column in COLUMNS:
        value = results.mean(scenario, policy.name, column.metric)
        cells.append("-" if isnan(value) else column.show(value))
    return _line(cells)


def label(results: Results, scenario: str, policy: Policy) -> str:
    """Name of a policy with marks: bold for a bundle, a dagger if a rule of it has done nothing."""
    name = f"**{policy.name}**" if policy.kind == "bundle" else policy.name
    return name + (f" {NEVER}" if results.idle(scenario, policy.name) else "")


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
