"""`agentsim compile`."""

from typing import Annotated

import typer

from agentsim_env.training.cli.options import Overrides
from agentsim_env.training.plain_errors import fail


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
