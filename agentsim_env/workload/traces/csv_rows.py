"""Rows of CSV traces."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from agentsim_env.workload.traces.errors import Problems, TraceError, shown
from agentsim_env.workload.traces.fields import MAX_SECONDS, MAX_TOKENS
from agentsim_env.workload.traces.nearest import closest, listed
from agentsim_env.workload.traces.opening import ROW_BYTES, TraceFile
from agentsim_env.workload.traces.sniff import columns_of

Row = tuple[int, list[str]]


def read_rows(file: TraceFile, problems: Problems) -> tuple[list[str], Iterator[Row]]:
    """The lower-case column names of a CSV file, and its rows with their line numbers.

    Raises:
        TraceError: An empty file, or a first line that is no header.
    """
    lines = file.lines(ROW_BYTES)
    first = next(lines, None)
    if first is None:
        raise TraceError(file.path, 0, "", "has blank lines only; allowed: a header line and rows")
    columns = list(columns_of(file.path, first[1].decode("utf-8-sig", errors="replace").rstrip("\r")))
    return columns, _rows(file.path, lines, len(columns), problems)


def _rows(path: Path, lines: Iterator[tuple[int, bytes]], width: int, problems: Problems) -> Iterator[Row]:
    for number, raw in lines:
        problems.lines += 1
        try:
            cells = next(csv.reader([raw.decode()]))
        except UnicodeDecodeError as error:
            problem = f"is not UTF-8 text (byte {raw[error.start]:#04x} at {error.start}); see iconv"
            problems.add(TraceError(path, number, "", problem))
            continue
        except csv.Error as error:
            problems.add(TraceError(path, number, "", f"not CSV ({error})"))
            continue
        if len(cells) != width:
            problems.add(TraceError(path, number, "", f"has {len(cells)} cells; allowed: {width}, as in the header"))
            continue
        yield number, cells


def cell_error(path: Path, line: int, column: str, cell: str, allowed: str) -> TraceError:
    """An error about one cell."""
    return TraceError(path, line, column, f"is {shown(cell)}; allowed: {allowed}")


def _number(cell: str) -> float:
    """A number; NaN for what is none, and for digits with underscores, which only Python reads as one."""
    try:
        return math.nan if "_" in cell else float(cell)
    except ValueError:
        return math.nan


def token_cell(path: Path, line: int, column: str, cell: str, minimum: int) -> int:
    """A count of tokens, written as an integer or as a float without fraction."""
    value = _number(cell)
    if not (value.is_integer() and minimum <= value <= MAX_TOKENS):
        raise cell_error(path, line, column, cell, f"an integer from {minimum} to {MAX_TOKENS}")
    return int(value)


def seconds_cell(path: Path, line: int, column: str, cell: str, per_s: float = 1.0) -> float:
    """A finite time in seconds, from a number of which a second has `per_s`."""
    value = _number(cell)
    if not abs(value / per_s) <= MAX_SECONDS:
        raise cell_error(path, line, column, cell, f"a finite time of at most {MAX_SECONDS:g} s (time_unit?)")
    return value / per_s


def column_index(path: Path, columns: list[str], name: str) -> int:
    """Where a column is.

    Raises:
        TraceError: There is no such column, or more than one.
    """
    if columns.count(name) > 1:
        raise TraceError(path, 1, name, f"is the name of {columns.count(name)} columns; allowed: one")
    if name not in columns:
        near = f"; nearest is {found}" if (found := closest(name, columns)) else ""
        raise TraceError(path, 1, name, f"no such column{near}; there are: {listed(columns)}")
    return columns.index(name)
