"""`agentsim traces`."""

from pathlib import Path
from typing import Annotated

import typer

from agentsim_env.training.cli.options import Format, MessageMode, Sessions, TimeUnit, picture_file
from agentsim_env.training.cli.printing import open_console


def traces(
    trace: Annotated[Path, typer.Argument(metavar="FILE|DIR", help="Trace of any known format.")],
    trace_format: Format = None,
    sessions: Sessions = None,
    message_mode: MessageMode = None,
    time_unit: TimeUnit = None,
    skip_bad_lines: Annotated[bool, typer.Option(help="Count broken lines of the trace and go on.")] = False,
    picture: Annotated[
        Path | None, typer.Option(parser=picture_file, metavar="PATH", help="Draw lengths, turns, waits and arrivals.")
    ] = None,
) -> None:
    """Say what a trace is: its format, programs, turns, tokens, reuse, waits by tool and sub-agents."""
    from agentsim_env.workload.traces.summary.printed import read_and_print

    read_and_print(
        trace,
        open_console(),
        picture,
        format=trace_format,
        sessions=sessions,
        message_mode=message_mode,
        time_unit=time_unit,
        skip_bad_lines=skip_bad_lines,
    )
