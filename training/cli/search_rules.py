"""`agentsim search-rules`."""

from pathlib import Path
from typing import Annotated

import typer

from agentsim_env.training.cli.options import Jobs, Overrides, Scenario, Seeds, Trace, folder
from agentsim_env.training.cli.printing import open_console
from agentsim_env.training.plain_errors import stop


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
        Path | None, typer.Option(parser=folder, metavar="PATH", help="Folder; by default runs/rules-SCENARIO.")
    ] = None,
) -> None:
    """Search the best combination of rules and parameters. What is stopped goes on where the same command finds it."""
    from agentsim_env.training.environments import load
    from agentsim_env.training.outputs import folder_for_results
    from agentsim_env.training.search.command import print_rows
    from agentsim_env.training.search.command import search_rules as run

    loaded = load(scenario, overrides or (), trace)
    folder = out or folder_for_results(f"runs/rules-{loaded.name}")
    console = open_console()
    try:
        _, rows = run(
            loaded, kinds=kind or (), budget=budget, seed=seed, seeds=seeds, jobs=jobs, out=folder, console=console
        )
    except KeyboardInterrupt:
        stop(f"what was played is in {folder}, and the same command goes on from there")
    print_rows(rows, folder, console)
