"""`agentsim simulate`."""

from pathlib import Path
from typing import Annotated

import typer

from agentsim_env.training.cli.options import (
    Bundle,
    Format,
    MessageMode,
    Overrides,
    Scenario,
    Sessions,
    TimeUnit,
    folder,
)


def simulate(
    scenario: Scenario = None,
    overrides: Overrides = None,
    trace: Annotated[Path | None, typer.Option(help="Trace to replay, all of it and at its own times.")] = None,
    trace_format: Format = None,
    sessions: Sessions = None,
    message_mode: MessageMode = None,
    time_unit: TimeUnit = None,
    skip_bad_lines: Annotated[bool, typer.Option(help="Count broken lines of the trace and go on.")] = False,
    rule: Annotated[
        list[str] | None, typer.Option(metavar="KIND=NAME", help="Rule for a kind of decision. Can be repeated.")
    ] = None,
    bundle: Bundle = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the workload.")] = 0,
    out: Annotated[Path | None, typer.Option(parser=folder, metavar="PATH", help="Folder for the records.")] = None,
) -> None:
    """Run a scenario or replay a trace by its rules, and print the report."""
    from agentsim_env.training.trace_options import with_trace_options

    overrides = with_trace_options(
        overrides, trace, format=trace_format, sessions=sessions, message_mode=message_mode, time_unit=time_unit
    )
    from agentsim_env.metrics import save_records
    from agentsim_env.metrics.report import print_report
    from agentsim_env.training.simulate import simulate as run

    records = run(scenario, overrides or (), trace, skip_bad_lines, rule or (), bundle, seed)
    if out is not None:
        save_records(records, out)
    print_report(records)
    if out is not None:
        typer.echo(f"Records written to {out}")
