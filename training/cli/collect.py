"""`agentsim collect`."""

import signal
from typing import Annotated

import typer

from agentsim_env.training.cli.options import (
    Bundle,
    Format,
    Jobs,
    MessageMode,
    Overrides,
    Scenario,
    Sessions,
    TimeUnit,
    Trace,
)
from agentsim_env.training.cli.printing import open_console
from agentsim_env.training.plain_errors import stop


def collect(
    environment: Annotated[str, typer.Argument(help="Whose decisions are played, as routing.")],
    agent: Annotated[str, typer.Option("--agent", "-a", help="Rule, run, model or module:function that plays.")],
    scenario: Scenario = None,
    overrides: Overrides = None,
    trace: Trace = None,
    trace_format: Format = None,
    sessions: Sessions = None,
    message_mode: MessageMode = None,
    time_unit: TimeUnit = None,
    bundle: Bundle = None,
    episodes: Annotated[int, typer.Option(min=1, help="Episodes, one for each seed.")] = 50,
    first: Annotated[int, typer.Option(min=0, help="Number of the first seed within the split.")] = 0,
    split: Annotated[str, typer.Option(help="Where the seeds are from: train or validation.")] = "train",
    allow_test: Annotated[
        bool, typer.Option("--allow-test", help="Let --split test pass: nobody learns of it.")
    ] = False,
    name: Annotated[
        str | None, typer.Option(help="Id of the data set; by default agentsim/ENVIRONMENT-AGENT-SCENARIO-v0.")
    ] = None,
    rollouts: Annotated[
        bool, typer.Option("--rollouts", help="Try every answer to the end of its episode, and keep its cost.")
    ] = False,
    jobs: Jobs = 1,
    trust: Annotated[
        bool, typer.Option("--trust", help="Load models (.zip), which can run any code of their maker.")
    ] = False,
) -> None:
    """Write played episodes as a Minari data set. What is stopped goes on where the same command finds it."""
    from agentsim_env.training.trace_options import with_trace_options

    overrides = with_trace_options(
        overrides, trace, format=trace_format, sessions=sessions, message_mode=message_mode, time_unit=time_unit
    )
    from agentsim_env.training.environments import load
    from agentsim_env.training.offline.collect import collect as run

    loaded = load(scenario, overrides or (), trace, bundle, environment)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what asks kindly is heard like Ctrl-C
    try:
        found = run(
            environment,
            loaded,
            agent,
            episodes=episodes,
            first=first,
            split=split,
            allow_test=allow_test,
            name=name,
            rollouts=rollouts,
            jobs=jobs,
            trust=trust,
            console=open_console(),
        )
    except KeyboardInterrupt:
        stop("the episodes that were played are kept, and the same command goes on from there")
    typer.echo(f"Written: {found.folder}; imitate it with: agentsim clone {found.id}")
