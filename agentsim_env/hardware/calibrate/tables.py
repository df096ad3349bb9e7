"""CSV tables of measurements, as columns."""

import csv
import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Table = dict[str, NDArray]  # columns of equal length: floats where every cell is a number, else text


def read_csv(path: Path, required: Sequence[str]) -> Table:
    """Read a CSV file, gzipped or not.

    Args:
        path: The file.
        required: Columns that it must have.

    Raises:
        ValueError: If a column is missing or the file has no rows.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        missing = [name for name in required if name not in header]
        if missing:
            raise ValueError(f"{path}: missing column {', '.join(missing)}; it has {', '.join(header) or 'no header'}")
        columns = list(zip(*(row for row in rows if row), strict=True))
    if not columns:
        raise ValueError(f"{path}: no rows")
    return {name: _column(cells) for name, cells in zip(header, columns, strict=True)}


def select(columns: Mapping[str, NDArray], /, **equal: object) -> Table:
    """The rows in which each named column has the given value."""
    keep = np.ones(len(next(iter(columns.values()))), dtype=bool)
    for name, value in equal.items():
        keep &= columns[name] == value
    return {name: column[keep] for name, column in columns.items()}


def _column(cells: Sequence[str]) -> NDArray:
    try:
        return np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError:
        return np.array(cells)
