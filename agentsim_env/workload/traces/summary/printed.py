"""`agentsim traces`: what a trace is, as tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentsim_env.workload.traces.opening import files_ending_in, watched
from agentsim_env.workload.traces.read import read_trace
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.sniff import SUFFIXES
from agentsim_env.workload.traces.summary.numbers import Summary, summarize

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_SHOWN = 12
"""Tools and families that are listed."""

_LONG_BYTES = 20_000_000
"""Size from which on a bar shows how far the reading is, about a second of it."""


def read_and_print(path: Path, console: "Console", picture: Path | None = None, **options: Any) -> Trace:
    """Reads a trace (see `read_trace`), prints what it is, and draws it if a file for the picture is given.

    Raises:
        TraceError: The file cannot be read.
    """
    given = {name: value for name, value in options.items() if value is not None}
    with _bar(path, console):
        trace = read_trace(path, **given)
    print_summary(trace, console)
    if picture is not None:
        from agentsim_env.workload.traces.summary.picture import save_picture

        save_picture(trace.programs, path.name, picture)
        console.print(f"Picture written to {picture}", highlight=False)
    return trace


def print_summary(trace: Trace, console: "Console") -> None:
    """Prints the report of a trace, and its numbers as tables."""
    summary, report = summarize(trace.programs), trace.report
    console.print(report.describe(), highlight=False, markup=False, soft_wrap=True)
    table = _table("", "mean", "p5", "p50", "p95", "most")
    for name, found in summary.quantities.items():
        table.add_row(name, *(_count(value) for value in found))
    console.print(table)
    if summary.waits:
        console.print(_waits(summary))
    console.print("\n".join(_sentences(summary, trace)), highlight=False, markup=False, soft_wrap=True)


def _waits(summary: Summary) -> "Table":
    total_s = sum(wait.total_s for wait in summary.waits)
    table = _table("waits, s", "count", "share", "mean", "p5", "p50", "p95", "most")
    for wait in summary.waits[:_SHOWN]:
        share = f"{wait.total_s / total_s:.1%}" if total_s else "-"
        table.add_row(wait.tool, f"{wait.n_waits:,}", share, *(_seconds(value) for value in wait.gap_s))
    if others := summary.waits[_SHOWN:]:
        share = f"{sum(wait.total_s for wait in others) / total_s:.1%}" if total_s else "-"
        table.add_row(f"{len(others)} other tools", f"{sum(wait.n_waits for wait in others):,}", share)
    return table


def _sentences(summary: Summary, trace: Trace) -> list[str]:
    report = trace.report
    lines = [f"reuse: {summary.own_reuse:.1%} of the prompt tokens are from earlier turns of the same program"]
    if summary.branching:
        started = f"up to {summary.most_started} turns wait for one, and one for up to {summary.most_joined}"
        lines.append(f"graphs: {summary.branching:,} programs have turns side by side; {started}")
    if report.subagent_requests:
        tokens = f"{report.subagent_prompt_tokens:,} prompt and {report.subagent_output_tokens:,} output tokens"
        lines.append(f"sub-agents: {report.subagent_requests:,} requests, {tokens}")
    if report.span_s:
        rates = f"{summary.programs / report.span_s:.4g} programs and {summary.turns / report.span_s:.4g} requests"
        lines.append(f"rate: {rates} a second over {report.span_s:,.6g} s")
    if len(summary.families) > 1:
        families = sorted(summary.families.items(), key=lambda family: -family[1])[:_SHOWN]
        lines.append(f"families: {', '.join(f'{name} {count:,}' for name, count in families)}")
    return lines


def _table(*headings: str) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for at, heading in enumerate(headings):
        table.add_column(heading, justify="right" if at else "left", no_wrap=True)
    return table


def _count(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.3g}"


def _seconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


@contextmanager
def _bar(path: Path, console: "Console") -> Iterator[None]:
    """A bar of the bytes that are read, for long traces."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    files = files_ending_in(path, SUFFIXES) if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files if file.is_file())  # the reader says if there is none
    columns = (TextColumn("[bold]read[/]"), BarColumn(), DownloadColumn(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console, transient=True, disable=size < _LONG_BYTES) as bar:
        task = bar.add_task("", total=size)
        with watched(lambda count: bar.advance(task, count)):
            yield
