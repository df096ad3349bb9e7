"""`agentsim clone`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from agentsim_env.training.cli.options import folder
from agentsim_env.training.cli.printing import open_console


def clone(
    data: Annotated[list[str], typer.Argument(metavar="DATA...", help="Data sets of agentsim collect, by id or path.")],
    policy: Annotated[str, typer.Option(help="LinearPolicy or CandidatePolicy.")] = "LinearPolicy",
    width: Annotated[int, typer.Option(min=1, help="Units in a layer of CandidatePolicy.")] = 16,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the decisions at most.")] = 60,
    patience: Annotated[int, typer.Option(min=1, help="Passes without a gain before it ends.")] = 5,
    batch_size: Annotated[int, typer.Option(min=1, help="Decisions of a step.")] = 1024,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-9, help="Of Adam; by default 0.05 for LinearPolicy, else 0.01.")
    ] = None,
    held_out: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share of the episodes that it does not learn from.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of weights, order and held-out episodes.")] = 0,
    by: Annotated[str, typer.Option(help="What is learned: answers, or costs of collect --rollouts.")] = "answers",
    out: Annotated[
        Path | None, typer.Option(parser=folder, metavar="PATH", help="Folder; by default a new one in runs/.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Train a policy to answer as in data sets (behaviour cloning)."""
    from agentsim_env.training.config import SCENARIO
    from agentsim_env.training.offline.clone import clone_data
    from agentsim_env.training.offline.cloning import Settings

    settings = Settings(policy, width, epochs, patience, batch_size, learning_rate, seed, by)
    made = clone_data(data, settings, held_out=held_out, out=out, console=None if quiet else open_console())
    seen, others = made.decisions
    typer.echo(
        f"{made.folder}: answers {made.cloned.held_out.agreement:.1%} of {others:,} held-out decisions as"
        f" {' and '.join(made.agents)} did, after {len(made.cloned.epochs)} passes over {seen:,}"
    )
    where = "" if made.environment == "routing" else f"--environment {made.environment} "
    agents = shlex.quote(f"rules,{made.folder}")
    there = shlex.quote(str(made.folder / SCENARIO))
    typer.echo(f"Evaluate it with: agentsim evaluate {where}--scenario {there} --agents {agents}")
