"""Rows of CSV traces."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from agentsim_env.workload.traces.errors import Problems, TraceError
from agentsim_env.workload.traces.fields import MAX_TOKENS
from agentsim_env.workload.traces.lines import read_lines

Row = tuple[int, list[str]]


def read_rows(path: Path, problems: Problems) -> tuple[list[str], Iterator[Row]]:
    """The lower-case column names of a CSV file, and its rows with their line numbers.

    Raises:
        TraceError: An empty file.
    """
    lines = read_lines(path)
    first = next(lines, None)
    if first is None:
        raise TraceError(path, 0, "", "is empty; allowed: a header line and rows")
    header = next(csv.reader([first[1].decode("utf-8-sig", errors="replace")]))
    columns = [name.strip().lower() for name in header]
    return columns, _rows(path, lines, len(columns), problems)


def _rows(path: Path, lines: Iterator[tuple[int, bytes]], width: int, problems: Problems) -> Iterator[Row]:
    for number, raw in lines:
        problems.lines += 1
        try:
            cells = next(csv.reader([raw.decode()]))
        except (UnicodeDecodeError, csv.Error) as error:
            problems.add(TraceError(path, number, "", f"not CSV ({error})"))
            continue
        if len(cells) != width:
            problems.add(TraceError(path, number, "", f"has {len(cells)} cells; allowed: {width}, as in the header"))
            continue
        yield number, cells


def cell_error(path: Path, line: int, column: str, cell: str, allowed: str) -> TraceError:
    """An error about one cell."""
    return TraceError(path, line, column, f"is {cell!r}; allowed: {allowed}")


def token_cell(path: Path, line: int, column: str, cell: str, minimum: int) -> int:
    """A count of tokens, written as an integer or as a float without fraction."""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not (value.is_integer() and minimum <= value <= MAX_TOKENS):
        raise cell_error(path, line, column, cell, f"an integer from {minimum} to {MAX_TOKENS}")
    return int(value)


def seconds_cell(path: Path, line: int, column: str, cell: str) -> float:
    """A finite number of seconds."""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise cell_error(path, line, column, cell, "a finite number of seconds")
    return value


def column_index(path: Path, columns: list[str], name: str) -> int:
    """Where a column is.

    Raises:
        TraceError: There is no such column.
    """
    if name not in columns:
        raise TraceError(path, 1, name, f"no such column; there are: {', '.join(columns)}")
    return columns.index(name)
