"""Results as a table on the terminal and in Markdown."""

from collections.abc import Sequence
from math import isnan

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agentsim_env.training.metrics import COST, JCT, METRICS, UNSERVED, Metric
from agentsim_env.training.results import Comparison, Results
from agentsim_env.training.statistics import Interval

_ON_TERMINAL = ("p95_jct_s", "mean_ttft_s", "mean_tpot_s", "mean_slowdown", "hit_rate")
_UNBOUNDED = 1000


def print_table(results: Results, console: Console) -> None:
    """Prints as many of the main columns as fit, and names the others; changes that exclude zero are coloured.

    Where an agent has left programs unserved, how many, and what that costs, comes right behind the JCT.
    """
    served = not any(results.values(agent, UNSERVED.key).any() for agent in results.agents)
    metrics = [metric for metric in METRICS if metric.key in _ON_TERMINAL]
    metrics = metrics if served else [UNSERVED, COST, *metrics]
    unbounded = console.options.update(width=_UNBOUNDED)
    left_out: list[str] = []
    while metrics and console.measure(_table(results, metrics), options=unbounded).maximum > console.width:
        left_out.insert(0, metrics.pop().label)
    console.print(_table(results, metrics))
    if left_out:
        console.print(f"No room for: {', '.join(left_out)}; a wider terminal shows them, and --out writes all.")


def _table(results: Results, metrics: Sequence[Metric]) -> Table:
    table = Table(title=escape(results.scenario.name), caption=caption(results), box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("agent", overflow="fold")
    table.add_column(_two_lines(JCT), justify="right", no_wrap=True)
    table.add_column(f"against\n{escape(results.reference)}", justify="right", no_wrap=True)
    table.add_column("wins", justify="right", no_wrap=True)
    for metric in metrics:
        table.add_column(_two_lines(metric), justify="right", no_wrap=True)
    for comparisons in results.comparisons.values():
        jct = comparisons[JCT.key]
        shown = [metric.show(comparisons[metric.key].mean.estimate) for metric in metrics]
        table.add_row(
            escape(jct.agent), JCT.show(jct.mean.estimate), _coloured(results, jct), _wins(results, jct), *shown
        )
    return table


def _two_lines(metric: Metric) -> str:
    return f"{metric.label}\n{metric.unit}"


def markdown(results: Results) -> str:
    """All columns as Markdown."""
    others = [metric for metric in METRICS if metric is not JCT]
    headings = ["agent", JCT.heading, f"against {results.reference}", "wins", "IQM of JCT (s)"]
    headings += [metric.heading for metric in others]
    lines = [
        f"# {results.environment}: {results.scenario.name}",
        "",
        caption(results),
        "",
        *(line for note in results.notes for line in (f"Note: {note}.", "")),
        _line(headings),
        _line(["---", *["---:"] * (len(headings) - 1)]),
    ]
    for comparisons in results.comparisons.values():
        jct = comparisons[JCT.key]
        cells = [jct.agent, JCT.show(jct.mean.estimate), _change(results, jct), _wins(results, jct), _interval(jct.iqm)]
        lines.append(_line(cells + [metric.show(comparisons[metric.key].mean.estimate) for metric in others]))
    return "\n".join(lines) + "\n"


def caption(results: Results) -> str:
    """What the table is about."""
    first, last, n = results.seeds[0], results.seeds[-1], len(results.seeds)
    seeds = f"{n} seed{'s' if n > 1 else ''} ({first} to {last}), the same programs for every agent"
    if results.is_one_episode:
        return f"{seeds}; all seeds are the same episode, one would do, and there is nothing to make intervals from"
    return f"{seeds}; in brackets 95 % bootstrap intervals, those of changes from paired differences"


def percent(change: Interval) -> str:
    """A relative change with its interval."""
    if isnan(change.estimate):
        return "-"
    if isnan(change.low):
        return f"{100 * change.estimate:+.1f} %"
    return f"{100 * change.estimate:+.1f} % [{100 * change.low:+.1f}, {100 * change.high:+.1f}]"


def _change(results: Results, jct: Comparison) -> str:
    return "reference" if jct.agent == results.reference else percent(jct.change)


def _coloured(results: Results, jct: Comparison) -> str:
    text = _change(results, jct).replace("[", r"\[")
    if not jct.change.excludes_zero:
        return text
    return f"[{'green' if jct.change.estimate < 0 else 'red'}]{text}[/]"


def _wins(results: Results, jct: Comparison) -> str:
    return "-" if jct.agent == results.reference else f"{100 * jct.wins:.0f} %"


def _interval(interval: Interval) -> str:
    if isnan(interval.low):
        return JCT.show(interval.estimate)
    return f"{JCT.show(interval.estimate)} [{JCT.show(interval.low)}, {JCT.show(interval.high)}]"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
