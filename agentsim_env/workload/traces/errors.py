"""What can be wrong with a trace file, and how it is told or counted."""

from pathlib import Path
from typing import NamedTuple

from agentsim_env.errors import AgentSimError

_LONGEST = 60
"""Characters of a value that a message quotes."""


class BadLine(NamedTuple):
    """A line that was skipped because `skip_bad_lines` was set.

    Attributes:
        file: Name of the file.
        line: Line number, from 1; 0 if the file as a whole is meant.
        message: What was wrong.
    """

    file: str
    line: int
    message: str


class TraceError(AgentSimError, ValueError):
    """A trace file cannot be read.

    Attributes:
        path: The file.
        line: Line number, from 1; 0 if the file as a whole is meant.
        field: Field, or the place inside the line (`requests[3].in`); empty if the line as a whole is meant.
        problem: What is wrong, and what is allowed.
    """

    def __init__(self, path: Path | str, line: int, field: str, problem: str) -> None:
        """Makes an error that names file, line, field, the problem and what is allowed."""
        self.path = Path(path)
        self.line = line
        self.field = field
        self.problem = problem
        place = f"{self.path}:{line}" if line else str(self.path)
        super().__init__(f"{place}: {field}: {problem}" if field else f"{place}: {problem}")


class UnforeseenError(TraceError):
    """A reader met content that it does not foresee; the cause is what it tripped over.

    The file is not readable, and the reader could say so better: worth a bug report.
    """


def shown(value: object) -> str:
    """A value for a message, shortened where it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


class Problems:
    """Raises the first error (strict), or collects the lines to skip.

    Args:
        skip: Collect instead of raising.

    Attributes:
        lines: Records seen, counted by whoever reads them.
        bad_lines: Records to skip.
    """

    def __init__(self, skip: bool) -> None:
        """Starts with no bad lines."""
        self.skip = skip
        self.lines = 0
        self.bad_lines: list[BadLine] = []

    def add(self, error: TraceError) -> None:
        """Raises `error`, or notes its line when bad lines are to be skipped."""
        if not self.skip:
            raise error
        message = f"{error.field}: {error.problem}" if error.field else error.problem
        self.bad_lines.append(BadLine(error.path.name, error.line, message))
