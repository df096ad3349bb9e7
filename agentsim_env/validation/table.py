"""A CSV file, cell by cell, with errors that say where they are."""

import csv
import gzip
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple, cast

from agentsim_env.validation.problems import ValidationError


class Row(NamedTuple):
    """One row of a file.

    Attributes:
        where: File and line, for messages.
        cells: Cells by column; those of empty cells are missing.
    """

    where: str
    cells: Mapping[str, str]

    def has(self, column: str) -> bool:
        """Whether the cell is there and not empty."""
        return column in self.cells

    def text(self, *columns: str) -> str:
        """The first of `columns` that is there; empty if none is."""
        return next((self.cells[name] for name in columns if name in self.cells), "")

    def number(self, column: str, least: float = 0.0) -> float:
        """The number in a cell.

        Raises:
            ValidationError: The cell is empty, not a finite number, or below `least`.
        """
        cell = self.cells.get(column, "")
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= least):
            wanted = "a number" if least == -math.inf else f"a number of at least {least:g}"
            raise ValidationError(f"{self.where}: {column} is {cell or 'empty'}; must be {wanted}")
        return value

    def count(self, column: str) -> int:
        """The whole number, at least 1, in a cell.

        Raises:
            ValidationError: It is none.
        """
        value = self.number(column, 1)
        if value != int(value):
            raise ValidationError(f"{self.where}: {column} is {self.cells[column]}; must be a whole number")
        return int(value)


def columns(path: Path) -> tuple[str, ...]:
    """The header of a CSV file, gzipped or not."""
    with _open(path) as file:
        return tuple(name.strip() for name in next(csv.reader(file), []))


def rows(path: Path) -> Iterator[Row]:
    """The rows of a CSV file, gzipped or not; empty ones are skipped.

    Raises:
        ValidationError: A row has another number of cells than the header.
    """
    with _open(path) as file:
        reader = csv.reader(file)
        header = [name.strip() for name in next(reader, [])]
        for cells in reader:
            where = f"{path}:{reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise ValidationError(f"{where}: {len(cells)} cells, the header has {len(header)}")
            named = zip(header, (cell.strip() for cell in cells), strict=True)
            yield Row(where, {name: cell for name, cell in named if cell})


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return cast(IO[str], gzip.open(path, "rt", newline="", encoding="utf-8-sig"))
    return path.open(newline="", encoding="utf-8-sig")
