"""`agentsim quickstart`."""

from pathlib import Path
from typing import Annotated

import typer

from agentsim_env.training.cli.options import Jobs, Overrides, Scenario, Seeds, folder
from agentsim_env.training.cli.printing import open_console
from agentsim_env.training.plain_errors import stop


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
        Path | None, typer.Option(parser=folder, metavar="PATH", help="Folder of the run; by default runs/quickstart.")
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
            open_console(),
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
