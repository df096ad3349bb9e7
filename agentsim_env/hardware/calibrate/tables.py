"""CSV tables of measurements, as columns."""

import csv
import gzip
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from agentsim_env.hardware.calibrate.problems import CalibrationError

Table = dict[str, NDArray]  # columns of equal length: floats where every cell is a number, else text

LEAST, MOST = 1e-9, 1e15
"""Sizes of numbers: squares and quotients of them are finite."""
LIMITS = f", 0 or from {LEAST:g} to {MOST:g} in size"

MOST_ROWS, LONGEST_LINE = 2_000_000, 1_000_000
"""Rows of a table and characters of a line: forty times the largest table of a profiler, a gigabyte of memory."""

TEXTS = frozenset({"gpu", "model", "table", "layer", "dtype", "kv", "impl", "is_prefill"})
"""Columns of names; every other that a reader requires holds numbers."""


def read_csv(path: Path, required: Sequence[str]) -> Table:
    """Read a CSV file, gzipped or not.

    Args:
        path: The file.
        required: Columns that it must have.

    Raises:
        CalibrationError: It cannot be read, a column is missing, a row has other cells than the header, a number is
            none, or there are no rows.
    """
    try:
        lines = list(_lines(path))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise CalibrationError(f"{path} cannot be read as CSV in UTF-8: {error}") from error
    _, header = lines[0] if lines else (0, [])
    missing = [name for name in required if name not in header]
    if missing:
        raise CalibrationError(
            f"{path}: missing column {', '.join(missing)}; it has {', '.join(header) or 'no header'}"
        )
    twice = [name for name in required if header.count(name) > 1]
    if twice:
        raise CalibrationError(f"{path}: column {twice[0]} is there twice")
    rows = lines[1:]
    if not rows:
        raise CalibrationError(f"{path}: no rows")
    for line, cells in rows:
        if len(cells) != len(header):
            raise CalibrationError(f"{path}: line {line}: {len(cells)} cells, the header has {len(header)}")
    numbers = [name for name in required if name not in TEXTS]
    return {name: _column(path, name, name in numbers, index, rows) for index, name in enumerate(header)}


def select(columns: Mapping[str, NDArray], /, **equal: object) -> Table:
    """The rows in which each named column has the given value."""
    keep = np.ones(len(next(iter(columns.values()))), dtype=bool)
    for name, value in equal.items():
        keep &= columns[name] == value
    return {name: column[keep] for name, column in columns.items()}


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of each line that is not empty."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(_bounded(path, file))
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, [cell.strip() for cell in cells]


def _bounded(path: Path, file: IO[str]) -> Iterator[str]:
    """The lines of a file, of which a packed one may have without end."""
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), ""), start=1):
        if len(line) > LONGEST_LINE:
            raise CalibrationError(f"{path}: line {number}: more than {LONGEST_LINE:,} characters")
        if number > MOST_ROWS:
            raise CalibrationError(f"{path}: more than {MOST_ROWS:,} rows; a part of them fits a profile as well")
        yield line


def _column(path: Path, name: str, must_be_numbers: bool, index: int, rows: Sequence[tuple[int, list[str]]]) -> NDArray:
    """Floats where every cell is a number or empty (NaN), else text."""
    if name not in TEXTS:
        values = [_number(cells[index]) for _, cells in rows]
        wrong = next((place for place, value in enumerate(values) if value is None), None)
        if wrong is None:
            return np.array(values, dtype=np.float64)
        if must_be_numbers:
            line, cells = rows[wrong]
            raise CalibrationError(f"{path}: line {line}: {name} is {cells[index]}, must be a finite number{LIMITS}")
    return np.array([cells[index] for _, cells in rows])


def _number(cell: str) -> float | None:
    """NaN for an empty cell, None for what is no number that can be computed with."""
    if not cell or cell.lower() == "nan":
        return math.nan
    try:
        value = math.inf if "_" in cell else float(cell)  # digits with underscores are numbers in Python only
    except ValueError:
        return None
    return value if value == 0 or LEAST <= abs(value) <= MOST else None
