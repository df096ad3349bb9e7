"""A CSV file, cell by cell, with errors that say where they are."""

import csv
import gzip
import math
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple, cast

from agentsim_env.validation.problems import ValidationError

MOST = 1e9
"""Largest number in a cell: thirty years in seconds, far more tokens a second than any engine gives."""
LONGEST_SHOWN = 60
MOST_COUNTED = 10_000_000
"""Largest count in a cell: tokens of the longest contexts that there are."""


def shown(cell: str) -> str:
    """A cell, or the name of a column, in a message: short, and with nothing that cannot be printed."""
    text = cell if cell.isprintable() else ascii(cell)
    return (text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}...") or "empty"


class Row(NamedTuple):
    """One row of a file.

    Attributes:
        where: File and line, for messages.
        cells: Cells by column; those of empty cells are missing.
        columns: All columns of the file.
    """

    where: str
    cells: Mapping[str, str]
    columns: Collection[str] = ()

    def is_empty(self, *columns: str) -> bool:
        """Whether the file has one of `columns`, and this row says nothing in any of them."""
        return any(name in self.columns for name in columns) and not self.text(*columns)

    def first_column(self, *columns: str) -> str:
        """The first of `columns` that the file has; empty if it has none."""
        return next((name for name in columns if name in self.columns), "")

    def has(self, column: str) -> bool:
        """Whether the cell is there and not empty."""
        return column in self.cells

    def text(self, *columns: str) -> str:
        """The first of `columns` that is there; empty if none is."""
        return next((self.cells[name] for name in columns if name in self.cells), "")

    def number(self, column: str, least: float = 0.0, most: float = MOST) -> float:
        """The number in a cell.

        Raises:
            ValidationError: The cell is empty, not a finite number, below `least` or above `most`.
        """
        cell = self.cells.get(column, "")
        try:
            value = math.nan if "_" in cell else float(cell)  # digits with underscores are numbers in Python only
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and least <= value <= most):
            wanted = "a number" if least == -math.inf else f"a number of at least {least:g}"
            wanted += f" and at most {most:g}" if value > most else ""
            raise ValidationError(f"{self.where}: {column} is {shown(cell)}; must be {wanted}")
        return value

    def count(self, column: str, most: int = MOST_COUNTED) -> int:
        """The whole number, at least 1 and at most `most`, in a cell.

        Raises:
            ValidationError: It is none.
        """
        value = self.number(column, 1, most)
        if value != int(value):
            raise ValidationError(f"{self.where}: {column} is {self.cells[column]}; must be a whole number")
        return int(value)


def columns(path: Path) -> tuple[str, ...]:
    """The header of a CSV file, gzipped or not.

    Raises:
        ValidationError: It cannot be read, or two columns have the same name.
    """
    header = next((cells for _, cells in _lines(path)), ())
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        raise ValidationError(f"{path}: column {twice[0]} is there twice")
    return tuple(header)


def rows(path: Path) -> Iterator[Row]:
    """The rows of a CSV file, gzipped or not; empty ones are skipped.

    Raises:
        ValidationError: It cannot be read, or a row has another number of cells than the header.
    """
    lines = _lines(path)
    _, header = next(lines, (0, []))
    told = frozenset(header)
    for line, cells in lines:
        where = f"{path}:{line}"
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise ValidationError(f"{where}: {len(cells)} cells, the header has {len(header)}")
        yield Row(where, {name: cell for name, cell in zip(header, cells, strict=True) if cell}, told)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of each line."""
    line = 0
    try:
        with _open(path) as file:
            reader = csv.reader(file)
            for cells in reader:
                line = reader.line_num
                yield line, [cell.strip() for cell in cells]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise ValidationError(f"{path}: after line {line}: cannot be read as CSV in UTF-8: {error}") from error


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return cast(IO[str], gzip.open(path, "rt", newline="", encoding="utf-8-sig"))
    return path.open(newline="", encoding="utf-8-sig")
