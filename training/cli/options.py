"""Options that several commands have, and what tests the paths of their results."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from agentsim_env.training.plain_errors import fail

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


def folder(given: str) -> Path:
    """A folder for results, refused before anything is computed if it cannot be written."""
    from agentsim_env.training.outputs import folder_for_results

    return _tested(folder_for_results, given, "--out")


def file(given: str) -> Path:
    """Likewise a file."""
    from agentsim_env.training.outputs import file_for_results

    return _tested(file_for_results, given, "--out")


def picture_file(given: str) -> Path:
    """Likewise a picture."""
    from agentsim_env.training.outputs import file_for_results

    return _tested(file_for_results, given, "--picture")


def _tested(test: Callable[[str, str], Path], given: str, option: str) -> Path:
    try:
        return test(given, option)
    except ValueError as error:  # a parser's ValueError would only be called an invalid value
        fail(str(error))
