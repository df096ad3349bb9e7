"""What a user reads of a command that fails, warns or is stopped: sentences, a traceback only of our own faults."""

import errno
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from agentsim_env.training.terminal import show_all_signs

_INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What ends writing; errors of files say which one it was (`agentsim_env.files.naming`)."""


class PlainErrors(TyperGroup):
    """Prints our own errors, and those of files, as a sentence for the user; any other keeps its traceback."""

    def main(self, *arguments: Any, **settings: Any) -> Any:
        """Runs the program."""
        show_all_signs()
        try:
            return super().main(*arguments, **settings)
        finally:
            _flush()

    def invoke(self, ctx: Any) -> Any:
        """Runs a command."""
        try:
            with _plain_warnings():
                return super().invoke(ctx)
        except OSError as error:
            if error.errno == errno.EPIPE:
                _silence_output()
                raise typer.Exit(1) from None
            where = "standard output" if error.filename is None and error.errno in _FULL else error.filename
            reason = error.strerror or str(error)
            fail(reason if where is None else f"{where}: {reason}")
        except EOFError as error:
            raise RuntimeError("something was read to an early end") from error
        except KeyboardInterrupt:
            stop("nothing is kept")
        except Exception as error:
            if not _is_ours(error):
                raise
            fail(str(error))


def _is_ours(error: Exception) -> bool:
    from agentsim_env.errors import AgentSimError

    return isinstance(error, AgentSimError)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Prints each of our own warnings once, as a sentence for the user."""
    from agentsim_env.errors import AgentSimWarning

    said: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if not issubclass(category, AgentSimWarning):
            show_others(message, category, *place, **more)
        elif str(message) not in said:
            said.add(str(message))
            typer.echo(f"agentsim: warning: {message}", err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always", AgentSimWarning)
        show_others, warnings.showwarning = warnings.showwarning, show
        yield


def fail(message: str) -> NoReturn:
    """Ends a command that cannot do what is asked of it."""
    typer.echo(f"agentsim: {message}", err=True)
    raise typer.Exit(2) from None


def stop(kept: str) -> NoReturn:
    """Ends a command that somebody has stopped."""
    typer.echo(f"agentsim: stopped: {kept}", err=True)
    raise typer.Exit(_INTERRUPTED) from None


def _flush() -> None:
    """Writes what is left of the output; whether somebody reads it, as behind `| head`, is not our concern."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        _silence_output()
        if error.errno != errno.EPIPE:
            print(f"agentsim: standard output: {error.strerror}", file=sys.stderr)
            raise SystemExit(1) from None


def _silence_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
