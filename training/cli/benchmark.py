"""`agentsim benchmark` and `agentsim verify`."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from agentsim_env.training.cli.options import Jobs, file
from agentsim_env.training.cli.printing import open_console
from agentsim_env.training.plain_errors import stop


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
    ray: Annotated[
        str | None,
        typer.Option(metavar="local|ADDRESS", help="Spread seeds by Ray: --jobs workers here, or a cluster."),
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Load models (.zip), which can run any code of their maker.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(parser=file, metavar="PATH", help="Result; by default runs/benchmarks/SUITE.json."),
    ] = None,
) -> None:
    """Compare agents on a suite of scenarios. What is stopped goes on where the same command finds its --out."""
    from agentsim_env.training.benchmark.command import benchmark_and_print, print_suites
    from agentsim_env.training.benchmark.protocol import unfinished
    from agentsim_env.training.evaluate import EvaluationStopped
    from agentsim_env.training.outputs import file_for_results

    if suite is None:
        return print_suites(open_console())
    path = out or file_for_results(f"runs/benchmarks/{Path(suite).stem}.json")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what asks kindly is heard like Ctrl-C
    try:
        benchmark_and_print(
            suite, agents, path, open_console(), seeds=seeds, traces=traces, jobs=jobs, ray=ray, trust=trust
        )
    except EvaluationStopped:
        stop(f"finished seeds are in {unfinished(path)}, and the same command goes on from there")
    return None


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
        result, open_console(), sample=sample, seed=seed, agents=agents, traces=traces, jobs=jobs, trust=trust
    )
    raise typer.Exit(0 if holds else 1)
