"""`agentsim evaluate`."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from agentsim_env.training.cli.options import (
    Bundle,
    Format,
    Jobs,
    MessageMode,
    Overrides,
    Scenario,
    Seeds,
    Sessions,
    TimeUnit,
    Trace,
    folder,
)
from agentsim_env.training.cli.printing import describe_workload, open_console
from agentsim_env.training.plain_errors import stop

if TYPE_CHECKING:
    from agentsim_env.training.evaluate import EvaluationStopped


def evaluate(
    agents: Annotated[
        str, typer.Option("--agents", "-a", help="Rules, runs, models and module:function, separated by commas.")
    ],
    environment: Annotated[
        str | None, typer.Option(help="What the agents answer, as routing; by default what the first policy is for.")
    ] = None,
    scenario: Scenario = None,
    overrides: Overrides = None,
    trace: Trace = None,
    trace_format: Format = None,
    sessions: Sessions = None,
    message_mode: MessageMode = None,
    time_unit: TimeUnit = None,
    bundle: Bundle = None,
    seeds: Seeds = 20,
    jobs: Jobs = 1,
    reference: Annotated[str | None, typer.Option(help="Agent that the others are compared with.")] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Load models (.zip), which can run any code of their maker.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(parser=folder, metavar="PATH", help="Folder for tables, numbers and picture.")
    ] = None,
) -> None:
    """Compare agents on the same programs. What is stopped goes on where the same command finds its --out."""
    from agentsim_env.training.trace_options import with_trace_options

    overrides = with_trace_options(
        overrides, trace, format=trace_format, sessions=sessions, message_mode=message_mode, time_unit=time_unit
    )
    from agentsim_env.agents.loading import split_agents
    from agentsim_env.training.evaluate import EvaluationStopped
    from agentsim_env.training.evaluate import evaluate as run
    from agentsim_env.training.journal import FILE
    from agentsim_env.training.report import save
    from agentsim_env.training.tables import print_table

    listed = split_agents(agents)
    console = open_console()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what asks kindly is heard like Ctrl-C
    try:
        results = run(
            listed,
            scenario=scenario,
            overrides=overrides or (),
            trace=trace,
            bundle=bundle,
            environment=environment,
            seeds=seeds,
            reference=reference,
            jobs=jobs,
            console=console,
            trust=trust,
            keep=None if out is None else out / FILE,
        )
    except EvaluationStopped as stopped:
        _report_stopped(stopped, out)
    if out is not None:
        save(results, out, listed)
    describe_workload(results.scenario)
    print_table(results, console)
    if out is not None:
        typer.echo(f"Written to {out}: results.md, .csv, .json and .png, episodes.csv, scenario.yaml")


def _report_stopped(stopped: "EvaluationStopped", out: Path | None) -> NoReturn:
    """Writes what an evaluation has come to, and says how it goes on."""
    from agentsim_env.training.report import save_episodes

    done = 0
    kept = "nothing is kept; with --out finished seeds are"
    if stopped.results is not None:
        done = len(stopped.results.seeds)
        if out is not None:
            save_episodes(stopped.results, out)
            kept = f"they are in {out / 'episodes.csv'}, and the same command goes on from there"
    stop(f"after {done} of {stopped.seeds} seeds; {kept}")
