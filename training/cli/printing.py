"""What several commands print with."""

from typing import Any

import typer


def open_console() -> Any:
    """Of standard output."""
    from rich.console import Console

    return Console()


def describe_workload(scenario: Any) -> None:
    """Says what was read, skipped and cut of the trace of a scenario, if it has one, and what fits on no instance."""
    from agentsim_env.load import prepare

    workload, source = scenario.workload, prepare(scenario)
    if workload.trace is not None:
        from agentsim_env.assembly.recorded import described, read_source

        report = read_source(workload.trace, scenario.cluster.block_size_tokens, workload.reuse_generated).report
        typer.echo(described(workload, report))
    if source.load is None:  # else it was a warning
        for note in source.notes():
            typer.echo(note)
