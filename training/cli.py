"""The command `agentsim`.

Everything heavy is imported inside the commands, so that help and errors come at once.
"""

import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from agentsim_env.training.plain_errors import PlainErrors, fail, stop

if TYPE_CHECKING:
    from agentsim_env.training.evaluate import EvaluationStopped


def _folder(given: str) -> Path:
    """A folder for results, refused before anything is computed if it cannot be written."""
    from agentsim_env.training.outputs import folder_for_results

    return _tested(folder_for_results, given, "--out")


def _file(given: str) -> Path:
    """Likewise a file."""
    from agentsim_env.training.outputs import file_for_results

    return _tested(file_for_results, given, "--out")


def _picture(given: str) -> Path:
    """Likewise a picture."""
    from agentsim_env.training.outputs import file_for_results

    return _tested(file_for_results, given, "--picture")


def _tested(test: Callable[[str, str], Path], given: str, option: str) -> Path:
    try:
        return test(given, option)
    except ValueError as error:  # a parser's ValueError would only be called an invalid value
        fail(str(error))


app = typer.Typer(
    cls=PlainErrors,
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
    str | None, typer.Option("--bundle", "-b", metavar="NAME", help="Rules of a published system, or of a file.")
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes.")]
Seeds = Annotated[int, typer.Option(min=1, help="Number of held-out seeds.")]


@app.command()
def quickstart(
    environment: Annotated[str, typer.Argument(help="What to train, as routing.")] = "routing",
    algo: Annotated[str | None, typer.Option(help="es (the default for routing), ppo (else), ...")] = None,
    scenario: Scenario = None,
    overrides: Overrides = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Decisions to learn from.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the training; by default 0.")] = None,
    seeds: Seeds = 20,
    jobs: Jobs = 2,
    out: Annotated[
        Path | None, typer.Option(parser=_folder, metavar="PATH", help="Folder of the run; by default runs/quickstart.")
    ] = None,
) -> None:
    """Train an agent, a router unless told otherwise, and compare it with every rule on held-out seeds."""
    from agentsim_env.training.outputs import folder_for_results
    from agentsim_env.training.quickstart import quickstart as start

    folder = out or folder_for_results(
        "runs/quickstart" if environment == "routing" else f"runs/quickstart-{environment}"
    )
    try:
        start(
            folder,
            _console(),
            environment=environment,
            algo=algo,
            scenario=scenario,
            overrides=overrides or (),
            steps=steps,
            seed=seed,
            seeds=seeds,
            jobs=jobs,
        )
    except KeyboardInterrupt:
        stop(f"what is done is in {folder}, and the same command goes on from there")


@app.command()
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
    out: Annotated[
        Path | None,
        typer.Option(parser=_folder, metavar="PATH", help="Folder of the run; by default a new one in runs/."),
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
    meant: dict[str, Any] = {"scenario": scenario, "overrides": overrides or (), "trace": trace, "bundle": bundle}
    if resume is not None:
        from agentsim_env.training.resuming import prepare_to_resume

        if out is not None and out.resolve() != resume.resolve():
            raise TrainingError(f"--out {out}: a run that is resumed stays in its folder, {resume}")
        folder = resume
        prepare_to_resume(folder, steps, given, hyper=hyper or (), **meant)
    else:
        folder = create_run(environment or "", steps=steps, hyper=hyper or (), out=out, **meant, **given)
    from agentsim_env.training.train import run

    loaded = load_run(folder)[1]
    _describe_workload(loaded)
    go_on = f"agentsim train --resume {shlex.quote(str(folder))}"
    typer.echo(f"Training in {folder}; if it stops, go on with: {go_on}")
    try:
        run(folder, None if quiet else _console(), device)
    except KeyboardInterrupt:
        from agentsim_env.training.checkpoint import latest_checkpoint

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
    trust: Annotated[
        bool, typer.Option("--trust", help="Load models (.zip), which can run any code of their maker.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(parser=_folder, metavar="PATH", help="Folder for tables, numbers and picture.")
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
    console = _console()
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
    _describe_workload(results.scenario)
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


@app.command(name="search-rules")
def search_rules(
    scenario: Scenario = None,
    overrides: Overrides = None,
    trace: Trace = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="Kind of decision to search; by default all. Can be repeated."),
    ] = None,
    budget: Annotated[int, typer.Option(min=1, help="Episodes, all on training seeds.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search.")] = 0,
    seeds: Seeds = 20,
    jobs: Jobs = 1,
    out: Annotated[
        Path | None, typer.Option(parser=_folder, metavar="PATH", help="Folder; by default runs/rules-SCENARIO.")
    ] = None,
) -> None:
    """Search the best combination of rules and parameters. What is stopped goes on where the same command finds it."""
    from agentsim_env.training.environments import load
    from agentsim_env.training.outputs import folder_for_results
    from agentsim_env.training.search.command import print_rows
    from agentsim_env.training.search.command import search_rules as run

    loaded = load(scenario, overrides or (), trace)
    folder = out or folder_for_results(f"runs/rules-{loaded.name}")
    console = _console()
    try:
        _, rows = run(
            loaded, kinds=kind or (), budget=budget, seed=seed, seeds=seeds, jobs=jobs, out=folder, console=console
        )
    except KeyboardInterrupt:
        stop(f"what was played is in {folder}, and the same command goes on from there")
    print_rows(rows, folder, console)


@app.command()
def benchmark(
    suite: Annotated[
        str | None, typer.Argument(help="Suite, or path of a YAML file; without one they are listed.")
    ] = None,
    agents: Annotated[
        str, typer.Option("--agents", "-a", help="Rules, runs, models and module:function, separated by commas.")
    ] = "",
    traces: Annotated[Path | None, typer.Option(help="Folder of the traces that cases replay.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Seeds a case at most, for a first look.")] = None,
    jobs: Jobs = 1,
    trust: Annotated[
        bool, typer.Option("--trust", help="Load models (.zip), which can run any code of their maker.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(parser=_file, metavar="PATH", help="Result; by default runs/benchmarks/SUITE.json."),
    ] = None,
) -> None:
    """Compare agents on a suite of scenarios. What is stopped goes on where the same command finds its --out."""
    from agentsim_env.training.benchmark.command import benchmark_and_print, print_suites
    from agentsim_env.training.benchmark.protocol import unfinished
    from agentsim_env.training.evaluate import EvaluationStopped
    from agentsim_env.training.outputs import file_for_results

    if suite is None:
        return print_suites(_console())
    path = out or file_for_results(f"runs/benchmarks/{Path(suite).stem}.json")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what asks kindly is heard like Ctrl-C
    try:
        benchmark_and_print(suite, agents, path, _console(), seeds=seeds, traces=traces, jobs=jobs, trust=trust)
    except EvaluationStopped:
        stop(f"finished seeds are in {unfinished(path)}, and the same command goes on from there")
    return None


@app.command()
def verify(
    result: Annotated[Path, typer.Argument(help="Result of a benchmark (.json).")],
    sample: Annotated[int, typer.Option(min=1, help="Workloads to play again, each by all agents.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the choice of workloads.")] = 0,
    agents: Annotated[str, typer.Option("--agents", "-a", help="Where agents are here: name=PATH, ...")] = "",
    traces: Annotated[Path | None, typer.Option(help="Folder of the traces that cases replay.")] = None,
    jobs: Jobs = 1,
    trust: Annotated[
        bool, typer.Option("--trust", help="Play agents that run code of their maker: .zip and modules.")
    ] = False,
) -> None:
    """Play a part of a benchmark again, and say whether it comes out to the bit: exit status 0 if so, else 1."""
    from agentsim_env.training.benchmark.command import verify_and_print

    holds = verify_and_print(
        result, _console(), sample=sample, seed=seed, agents=agents, traces=traces, jobs=jobs, trust=trust
    )
    raise typer.Exit(0 if holds else 1)


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
    out: Annotated[Path | None, typer.Option(parser=_folder, metavar="PATH", help="Folder for the records.")] = None,
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


@app.command()
def traces(
    trace: Annotated[Path, typer.Argument(metavar="FILE|DIR", help="Trace of any known format.")],
    trace_format: Format = None,
    sessions: Sessions = None,
    message_mode: MessageMode = None,
    time_unit: TimeUnit = None,
    skip_bad_lines: Annotated[bool, typer.Option(help="Count broken lines of the trace and go on.")] = False,
    picture: Annotated[
        Path | None, typer.Option(parser=_picture, metavar="PATH", help="Draw lengths, turns, waits and arrivals.")
    ] = None,
) -> None:
    """Say what a trace is: its format, programs, turns, tokens, reuse, waits by tool and sub-agents."""
    from agentsim_env.workload.traces.summary.printed import read_and_print

    read_and_print(
        trace,
        _console(),
        picture,
        format=trace_format,
        sessions=sessions,
        message_mode=message_mode,
        time_unit=time_unit,
        skip_bad_lines=skip_bad_lines,
    )


@app.command()
def calibrate(
    measurements: Annotated[Path, typer.Argument(help="Measured iterations (CSV), or folder of kernel tables.")],
    gpu: Annotated[str, typer.Option(help="GPU that they were measured on.")],
    model: Annotated[str, typer.Option(help="Model, or path of its config.json.")],
    tp: Annotated[int, typer.Option(min=1, help="Tensor-parallel ranks.")] = 1,
    dtype: Annotated[str, typer.Option(help="Format of the weights: bf16, fp8 or fp4.")] = "bf16",
    kv_dtype: Annotated[str, typer.Option(help="Format of the KV cache: bf16 or fp8.")] = "bf16",
    out: Annotated[Path | None, typer.Option(parser=_file, metavar="PATH", help="Write the profile as YAML.")] = None,
    picture: Annotated[
        Path | None, typer.Option(parser=_picture, metavar="PATH", help="Draw measured against fitted times.")
    ] = None,
) -> None:
    """Fit a latency profile to measurements, and print its errors."""
    from agentsim_env.hardware.calibrate.printed import calibrate_and_print

    calibrate_and_print(measurements, _console(), gpu, model, tp, dtype, kv_dtype, out, picture)


@app.command()
def validate(
    measurements: Annotated[Path, typer.Argument(metavar="DIR|FILE", help="Measured runs: CSV, or a folder of them.")],
    engine: Annotated[str, typer.Option("--engine", "-e", help="Engine that they ran on: YAML, or a shipped one.")],
    out: Annotated[
        Path | None, typer.Option(parser=_folder, metavar="PATH", help="Folder for tables and picture.")
    ] = None,
) -> None:
    """Replay measured runs of a real engine, and print how far the simulator is off."""
    from agentsim_env.validation.command import validate as run
    from agentsim_env.validation.report import print_validation, save

    result = run(measurements, engine)
    written = [] if out is None else save(result, out)
    print_validation(result, _console())
    if out is not None:
        typer.echo(f"Written to {out}: {', '.join(written)}")


@app.command()
def scenarios() -> None:
    """List the scenarios of the library."""
    from agentsim_env.training.listings import print_scenarios

    print_scenarios(_console())


@app.command()
def rules() -> None:
    """List the rules that can answer each kind of decision."""
    from agentsim_env.training.listings import print_rules

    print_rules(_console())


@app.command(name="compile")
def compile_ahead(
    scenarios: Annotated[
        list[str] | None, typer.Argument(metavar="[SCENARIO]...", help="Scenarios; by default the default one.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All there is, whatever scenarios call.")] = False,
    overrides: Overrides = None,
) -> None:
    """Compile the engine and the environments before they are needed, as for an image of a container."""
    if everything and (scenarios or overrides):
        fail("--all compiles what every scenario needs: give either it, or scenarios")
    from rich.console import Console

    from agentsim_env.training.compiling import compile_all, compile_scenario

    progress = Console(stderr=True)
    if everything:
        typer.echo(str(compile_all(progress)))
    for scenario in () if everything else scenarios or (None,):
        typer.echo(str(compile_scenario(scenario, overrides or (), progress)))


@app.command()
def bundles() -> None:
    """List the bundles: rules of published systems by name."""
    from agentsim_env.training.listings import print_bundles

    print_bundles(_console())


@app.command()
def agents() -> None:
    """List the trained agents that come with the package."""
    from agentsim_env.training.listings import print_agents

    print_agents(_console())


@app.command()
def schema() -> None:
    """Print the JSON schema of scenario files, for editors."""
    import json

    from agentsim_env.scenario.json_schema import file_schema

    typer.echo(json.dumps(file_schema(), indent=2))


def _describe_workload(scenario: Any) -> None:
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


def _console() -> Any:
    from rich.console import Console

    return Console()


if __name__ == "__main__":
    app()
