"""The command `agentsim`.

Everything heavy is imported inside the commands, so that help and errors come at once.
"""

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

_OURS = ("agentsim_env", "envs", "agents", "training")


class _PlainErrors(TyperGroup):
    """Prints our own errors, and those of files, as a sentence for the user; any other keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Runs a command."""
        try:
            return super().invoke(ctx)
        except ImportError as error:
            _explain_another_package(error)
            raise
        except OSError as error:
            if error.filename is None:
                raise
            _fail(f"{error.filename}: {error.strerror}")
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in _OURS:
                raise
            _fail(str(error))


def _fail(message: str) -> NoReturn:
    typer.echo(f"agentsim: {message}", err=True)
    raise typer.Exit(2) from None


def _explain_another_package(error: ImportError) -> None:
    """Says so if one of our names belongs to another package, as `agents` does to that of the OpenAI Agents SDK."""
    name = (error.name or "").partition(".")[0]
    file = getattr(sys.modules.get(name), "__file__", None)
    if name in _OURS and file is not None and Path(file).parent.parent != Path(__file__).parent.parent:
        _fail(f"the package {name!r} in {file} is another one of the same name; install agentsim-env where that is not")


def _folder(path: Path | None) -> Path | None:
    """Refuses a file where results are to go, before anything is computed."""
    if path is not None and path.exists() and not path.is_dir():
        from training.errors import TrainingError

        raise TrainingError(f"--out {path}: is a file; allowed: a folder, or a path where there is nothing yet")
    return path


app = typer.Typer(
    cls=_PlainErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Simulate LLM-agent serving; train and evaluate the agents that run it.",
)

Scenario = Annotated[
    str | None, typer.Option("--scenario", "-s", help="Scenario of the library, or path of a YAML file.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change a value of the scenario. Can be repeated."),
]
Trace = Annotated[Path | None, typer.Option(help="Trace whose programs take the place of the scenario's.")]
Format = Annotated[str | None, typer.Option("--format", help="Format of the trace, where its content does not tell.")]
Sessions = Annotated[str | None, typer.Option(help="Sessions of the trace: named, or rebuilt from its ids.")]
MessageMode = Annotated[str | None, typer.Option(help="Prompts of the trace's sessions: history or delta.")]
TimeUnit = Annotated[str | None, typer.Option(help="Unit of the trace's times: s, ms, us or ns.")]
Bundle = Annotated[
    str | None, typer.Option("--bundle", "-b", metavar="NAME", help="Rules of a published system, for the scenario's.")
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes.")]
Seeds = Annotated[int, typer.Option(min=1, help="Number of held-out seeds.")]


@app.command()
def quickstart(
    environment: Annotated[str, typer.Argument(help="What to train, as routing.")] = "routing",
    scenario: Scenario = None,
    overrides: Overrides = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Decisions to learn from.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the training.")] = 0,
    seeds: Seeds = 20,
    jobs: Jobs = 2,
    out: Annotated[
        Path | None, typer.Option(callback=_folder, help="Folder of the run; by default runs/quickstart.")
    ] = None,
) -> None:
    """Train an agent with PPO, a router unless told otherwise, and compare it with every rule on held-out seeds."""
    from training.quickstart import quickstart as start

    start(
        out or Path("runs/quickstart" if environment == "routing" else f"runs/quickstart-{environment}"),
        _console(),
        environment=environment,
        scenario=scenario,
        overrides=overrides or (),
        steps=steps,
        seed=seed,
        seeds=seeds,
        jobs=jobs,
    )


@app.command()
def train(
    environment: Annotated[str | None, typer.Argument(help="What to train, as routing.")] = None,
    algo: Annotated[str, typer.Option(help="ppo, maskable_ppo, a2c or dqn.")] = "ppo",
    scenario: Scenario = None,
    overrides: Overrides = None,
    trace: Trace = None,
    trace_format: Format = None,
    sessions: Sessions = None,
    message_mode: MessageMode = None,
    time_unit: TimeUnit = None,
    bundle: Bundle = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Decisions to learn from.")] = None,
    envs: Annotated[int | None, typer.Option(min=1, help="Environments side by side.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the run.")] = 0,
    hyper: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Change a hyper-parameter. Can be repeated.")
    ] = None,
    validation_every: Annotated[int | None, typer.Option(min=1, help="Decisions between validations.")] = None,
    validation_episodes: Annotated[int, typer.Option(min=1, help="Episodes of a validation.")] = 8,
    checkpoint_every: Annotated[int | None, typer.Option(min=1, help="Decisions between checkpoints.")] = None,
    out: Annotated[
        Path | None, typer.Option(callback=_folder, help="Folder of the run; by default a new one in runs/.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this folder; --steps extends it.")] = None,
    device: Annotated[str, typer.Option(help="Where torch computes: cpu or cuda.")] = "cpu",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Train an agent."""
    from training.trace_options import with_trace_options

    overrides = with_trace_options(
        overrides, trace, format=trace_format, sessions=sessions, message_mode=message_mode, time_unit=time_unit
    )
    from training.config import create_run, extend, load_run
    from training.environments import find_environment
    from training.errors import TrainingError

    if (environment is None) == (resume is None):
        raise TrainingError("say what to train, as in agentsim train routing, or give --resume with a run's folder")
    if resume is not None:
        if steps is not None:
            extend(resume, steps)
        folder = resume
    else:
        folder = create_run(
            environment or "",
            algo,
            scenario=scenario,
            overrides=overrides or (),
            trace=trace,
            bundle=bundle,
            steps=steps,
            envs=envs,
            seed=seed,
            hyper=hyper or (),
            validation_every=validation_every,
            validation_episodes=validation_episodes,
            checkpoint_every=checkpoint_every,
            out=out,
        )
    from training.checkpoint import latest_checkpoint
    from training.train import run

    _describe_trace(load_run(folder)[1])
    if resume is not None:
        checkpoint = latest_checkpoint(resume)
        typer.echo(f"Going on from {checkpoint}" if checkpoint else f"{resume} has no checkpoint: beginning anew")
    typer.echo(f"Training in {folder}; if it stops, go on with: agentsim train --resume {folder}")
    run(folder, None if quiet else _console(), device)
    config, loaded = load_run(folder)
    rule = find_environment(config.environment).default_rule(loaded)
    where = "" if config.environment == "routing" else f"--environment {config.environment} "
    typer.echo(f"Evaluate it with: agentsim evaluate {where}--agents {rule},{folder}")


@app.command()
def evaluate(
    agents: Annotated[
        str, typer.Option("--agents", "-a", help="Rules, runs, models and module:function, separated by commas.")
    ],
    environment: Annotated[str, typer.Option(help="What the agents answer, as routing.")] = "routing",
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
    out: Annotated[Path | None, typer.Option(callback=_folder, help="Folder for tables, numbers and picture.")] = None,
) -> None:
    """Compare agents on the same programs."""
    from training.trace_options import with_trace_options

    overrides = with_trace_options(
        overrides, trace, format=trace_format, sessions=sessions, message_mode=message_mode, time_unit=time_unit
    )
    from training.evaluate import evaluate as run
    from training.report import save
    from training.tables import print_table

    listed = [agent.strip() for agent in agents.split(",") if agent.strip()]
    console = _console()
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
    )
    _describe_trace(results.scenario)
    print_table(results, console)
    if out is not None:
        save(results, out, listed)
        typer.echo(f"Written to {out}: results.md, .csv, .json and .png, episodes.csv, scenario.yaml")


@app.command()
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
    out: Annotated[Path | None, typer.Option(callback=_folder, help="Folder for the records.")] = None,
) -> None:
    """Run a scenario or replay a trace by its rules, and print the report."""
    from training.trace_options import with_trace_options

    overrides = with_trace_options(
        overrides, trace, format=trace_format, sessions=sessions, message_mode=message_mode, time_unit=time_unit
    )
    from agentsim_env.metrics.report import print_report
    from training.simulate import simulate as run

    records = run(scenario, overrides or (), trace, skip_bad_lines, rule or (), bundle, seed)
    print_report(records)
    if out is not None:
        records.save(out)
        typer.echo(f"Records written to {out}")


@app.command()
def calibrate(
    measurements: Annotated[Path, typer.Argument(help="Measured iterations (CSV), or folder of kernel tables.")],
    gpu: Annotated[str, typer.Option(help="GPU that they were measured on.")],
    model: Annotated[str, typer.Option(help="Model, or path of its config.json.")],
    tp: Annotated[int, typer.Option(min=1, help="Tensor-parallel ranks.")] = 1,
    dtype: Annotated[str, typer.Option(help="Format of the weights: bf16, fp8 or fp4.")] = "bf16",
    kv_dtype: Annotated[str, typer.Option(help="Format of the KV cache: bf16 or fp8.")] = "bf16",
    out: Annotated[Path | None, typer.Option(help="Write the profile as YAML.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw measured against fitted times.")] = None,
) -> None:
    """Fit a latency profile to measurements, and print its errors."""
    from agentsim_env.hardware.calibrate.printed import calibrate_and_print

    calibrate_and_print(measurements, _console(), gpu, model, tp, dtype, kv_dtype, out, picture)


@app.command()
def validate(
    measurements: Annotated[Path, typer.Argument(metavar="DIR|FILE", help="Measured runs: CSV, or a folder of them.")],
    engine: Annotated[str, typer.Option("--engine", "-e", help="Engine that they ran on: YAML, or a shipped one.")],
    out: Annotated[Path | None, typer.Option(help="Folder for tables and picture.")] = None,
) -> None:
    """Replay measured runs of a real engine, and print how far the simulator is off."""
    from agentsim_env.validation.command import validate as run
    from agentsim_env.validation.report import print_validation, save

    result = run(measurements, engine)
    print_validation(result, _console())
    if out is not None:
        typer.echo(f"Written to {out}: {', '.join(save(result, out))}")


@app.command()
def scenarios() -> None:
    """List the scenarios of the library."""
    from training.listings import print_scenarios

    print_scenarios(_console())


@app.command()
def rules() -> None:
    """List the rules that can answer each kind of decision."""
    from training.listings import print_rules

    print_rules(_console())


@app.command()
def bundles() -> None:
    """List the bundles: rules of published systems by name."""
    from training.listings import print_bundles

    print_bundles(_console())


@app.command()
def schema() -> None:
    """Print the JSON schema of scenario files, for editors."""
    import json

    from agentsim_env.scenario.json_schema import file_schema

    typer.echo(json.dumps(file_schema(), indent=2))


def _describe_trace(scenario: Any) -> None:
    """Says what was read, skipped and cut of the trace that a scenario names, if it names one."""
    workload = scenario.workload
    if workload.trace is not None:
        from agentsim_env.workload.recorded import described, read_source

        report = read_source(workload.trace, scenario.cluster.block_size_tokens, workload.reuse_generated).report
        typer.echo(described(workload, report))


def _console() -> Any:
    from rich.console import Console

    return Console()


if __name__ == "__main__":
    app()
