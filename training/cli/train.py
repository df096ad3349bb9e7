"""`agentsim train`."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from agentsim_env.training.cli.options import (
    Bundle,
    Format,
    MessageMode,
    Overrides,
    Scenario,
    Sessions,
    TimeUnit,
    Trace,
    folder,
)
from agentsim_env.training.cli.printing import describe_workload, open_console
from agentsim_env.training.plain_errors import stop


def train(
    environment: Annotated[str | None, typer.Argument(help="What to train, as routing.")] = None,
    algo: Annotated[str | None, typer.Option(help="ppo (the default), maskable_ppo, a2c, dqn or es.")] = None,
    scenario: Scenario = None,
    overrides: Overrides = None,
    trace: Trace = None,
    trace_format: Format = None,
    sessions: Sessions = None,
    message_mode: MessageMode = None,
    time_unit: TimeUnit = None,
    bundle: Bundle = None,
    advice: Annotated[
        str | None,
        typer.Option(
            metavar="RULE",
            help="Show agents what a rule would answer; es begins as that rule. Its name, or rules for the scenario's.",
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Decisions to learn from.")] = None,
    envs: Annotated[int | None, typer.Option(min=1, help="Environments side by side.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the run; by default 0.")] = None,
    hyper: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Change a hyper-parameter. Can be repeated.")
    ] = None,
    validation_every: Annotated[int | None, typer.Option(min=1, help="Decisions between validations.")] = None,
    validation_episodes: Annotated[
        int | None, typer.Option(min=1, help="Episodes of a validation; by default 8.")
    ] = None,
    checkpoint_every: Annotated[int | None, typer.Option(min=1, help="Decisions between checkpoints.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="AGENT", help="Exported policy whose weights it begins with.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(parser=folder, metavar="PATH", help="Folder of the run; by default a new one in runs/."),
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this folder; --steps extends it.")] = None,
    device: Annotated[str, typer.Option(help="Where torch computes: cpu or cuda.")] = "cpu",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Train an agent."""
    from agentsim_env.training.trace_options import with_trace_options

    overrides = with_trace_options(
        overrides, trace, format=trace_format, sessions=sessions, message_mode=message_mode, time_unit=time_unit
    )
    from agentsim_env.training.checkpoint import latest_checkpoint
    from agentsim_env.training.config import create_run, load_run
    from agentsim_env.training.errors import TrainingError

    if (environment is None) == (resume is None):
        raise TrainingError("say what to train, as in agentsim train routing, or give --resume with a run's folder")
    changes = {
        "algo": algo,
        "envs": envs,
        "seed": seed,
        "validation_every": validation_every,
        "validation_episodes": validation_episodes,
        "checkpoint_every": checkpoint_every,
    }
    given = {name: value for name, value in changes.items() if value is not None}
    meant: dict[str, Any] = {
        "scenario": scenario,
        "overrides": overrides or (),
        "trace": trace,
        "bundle": bundle,
        "advice": advice,
    }
    if resume is not None:
        from agentsim_env.training.resuming import prepare_to_resume

        if out is not None and out.resolve() != resume.resolve():
            raise TrainingError(f"--out {out}: a run that is resumed stays in its folder, {resume}")
        if start is not None:
            raise TrainingError(
                f"--from {start}: a run that is resumed goes on as it began; begin another without --resume"
            )
        folder = resume
        prepare_to_resume(folder, steps, given, hyper=hyper or (), **meant)
    else:
        folder = create_run(environment or "", steps=steps, hyper=hyper or (), start=start, out=out, **meant, **given)
    from agentsim_env.training.train import run

    loaded = load_run(folder)[1]
    describe_workload(loaded)
    go_on = f"agentsim train --resume {shlex.quote(str(folder))}"
    typer.echo(f"Training in {folder}; if it stops, go on with: {go_on}")
    try:
        run(folder, None if quiet else open_console(), device)
    except KeyboardInterrupt:
        kept = "the last checkpoint is kept, go on" if latest_checkpoint(folder) else "no checkpoint yet, begin anew"
        stop(f"{kept} with: {go_on}")
    typer.echo(f"Evaluate it with: {_evaluation_of(folder, load_run(folder)[0].environment, loaded)}")


def _evaluation_of(folder: Path, environment: str, scenario: Any) -> str:
    """The command that compares a trained agent with the scenario's rule, on the scenario that it has trained on."""
    from agentsim_env.training.config import SCENARIO
    from agentsim_env.training.environments import find_environment

    rule = find_environment(environment).default_rule(scenario)
    where = "" if environment == "routing" else f"--environment {environment} "
    trust = "" if (folder / "policy.safetensors").is_file() else " --trust"
    there = shlex.quote(str(folder / SCENARIO))
    return f"agentsim evaluate {where}--scenario {there} --agents {shlex.quote(f'{rule},{folder}')}{trust}"
