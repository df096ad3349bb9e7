"""A benchmark in words: tables on the terminal and in Markdown."""

from collections.abc import Sequence
from math import isnan, nan
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agentsim_env.prose import wrapped
from agentsim_env.scenario.rules import Rules
from agentsim_env.training.benchmark.outcome import WORST_TENTH, Outcome
from agentsim_env.training.benchmark.scores import interval
from agentsim_env.training.benchmark.suite import BEST, OPPONENTS, STOCK
from agentsim_env.training.statistics import Interval
from agentsim_env.training.tables import percent

SUITE_COLUMNS = ("agent", "score", "cost over stock's, IQM", "better than stock", "better than best")
_CASE_COLUMNS = ("agent", "cost", "against stock", "against best", "p (Holm)", "wins", "p95 JCT", "worst tenth")


def print_outcome(outcome: Outcome, console: Console) -> None:
    """Prints the score of every agent, and what was left out."""
    table = Table(title=escape(outcome.name), caption=seeds_in_words(outcome), box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("agent", overflow="fold")
    for heading in ("score", "cost over\nstock's", "better than\nstock", "better than\nbest"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in outcome.scores["suite"]:
        agent, score, _, *shares = suite_cells(row)
        iqm = interval(row["iqm_of_stock"])._replace(low=nan, high=nan)
        table.add_row(*map(escape, (agent, score, _ranged(iqm, 3), *shares)))
    console.print(table)
    for case, reason in outcome.skipped.items():
        console.print(f"Left out: {case} {reason}.", markup=False, highlight=False, soft_wrap=True)
    for case, reason in outcome.scores["unscored"].items():
        console.print(f"Not in the score: {case}: {reason}.", markup=False, highlight=False, soft_wrap=True)


def markdown(outcome: Outcome) -> str:
    """The whole of a benchmark as Markdown."""
    lines = [f"# {outcome.name}", "", outcome.suite.description, "", f"{seeds_in_words(outcome)}.", ""]
    lines += table(SUITE_COLUMNS, [suite_cells(row) for row in outcome.scores["suite"]])
    for case in outcome.suite.cases:
        lines += ["", f"## {case.name}", "", f"{case.why.rstrip()} Best: `{_in_words(case.best)}`.", ""]
        if case.name in outcome.skipped:
            lines += [f"Left out: it {outcome.skipped[case.name]}."]
            continue
        lines += table(_CASE_COLUMNS, [_case_cells(row) for row in _rows_of(outcome, case.name)])
    return wrapped("\n".join(lines)) + "\n"


def seeds_in_words(outcome: Outcome) -> str:
    """What was played."""
    counts = {len(case.seeds) for case in outcome.played}
    fewest, most = min(counts), max(counts)
    seeds = f"{fewest} held-out seed{'s' if most > 1 else ''} each" if fewest == most else f"{fewest} to {most} seeds"
    n = len(outcome.played)
    cases = f"{n} case{'s' if n > 1 else ''}"
    return f"{cases} with {seeds}, the same programs for every agent; in brackets 95 % bootstrap intervals"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table in Markdown."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return [f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines]


def suite_cells(row: dict[str, Any]) -> list[str]:
    """A row of `SUITE_COLUMNS`."""
    return [
        row["agent"],
        _ranged(interval(row["score"]), 2),
        _ranged(interval(row["iqm_of_stock"]), 3),
        "-" if row["agent"] == STOCK else _share(row["better_than_stock"]["estimate"]),
        "-" if row["agent"] == BEST else _share(row["better_than_best"]["estimate"]),
    ]


def _in_words(best: str | Rules) -> str:
    if isinstance(best, str):
        return best
    parameters = {kind: params for kind, params in best.rule_params.items() if params}
    named = [f"{kind}: {rule}{parameters.get(kind, '')}" for kind, rule in best.by_kind().items()]
    return ", ".join(named)


def _rows_of(outcome: Outcome, case: str) -> list[dict[str, Any]]:
    rows = [row for row in outcome.scores["cases"] if row["case"] == case]
    return sorted(rows, key=lambda row: (row["cost"]["estimate"] is None, row["cost"]["estimate"] or 0.0))


def _case_cells(row: dict[str, Any]) -> list[str]:
    cost, agent = interval(row["cost"]), row["agent"]
    is_best = agent == BEST
    return [
        agent,
        "-" if isnan(cost.estimate) else f"{cost.estimate:,.4g}",
        "-" if agent == STOCK else percent(interval(row["change_stock"])),
        "-" if is_best else percent(interval(row["change_best"])),
        "-" if agent in OPPONENTS or row["p_best_holm"] is None else f"{row['p_best_holm']:.2g}",
        "-" if is_best else _share(row["wins_best"]),
        "-" if is_best else percent(interval(row["p95_jct_s_change_best"])),
        "-" if is_best else percent(interval(row[f"{WORST_TENTH}_change_best"])),
    ]


def _ranged(found: Interval, digits: int) -> str:
    if isnan(found.estimate):
        return "-"
    text = f"{found.estimate:.{digits}f}"
    return text if isnan(found.low) else f"{text} [{found.low:.{digits}f}, {found.high:.{digits}f}]"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"
