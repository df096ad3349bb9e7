"""Tables that a training adds a row to as it goes, and that a resume continues."""

import csv
from pathlib import Path
from typing import Any

from agentsim_env.training.errors import TrainingError
from agentsim_env.training.files import read_csv, write_csv

STEP = "step"


class Table:
    """A CSV file with a row for each write, whose rows after a given step are forgotten.

    Args:
        path: The file.
        step: Decisions made so far; rows beyond are left over from before a resume.

    Raises:
        TrainingError: The file is no such table.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        try:
            self.rows: list[dict[str, Any]] = [dict(row) for row in read_csv(path) if int(row[STEP]) <= step]
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise TrainingError(f"{path} is not the table of a training: {error}; remove it to go on") from error

    def add(self, step: int, values: dict[str, Any]) -> None:
        """Adds a row."""
        self.rows.append({STEP: step, **values})
        write_csv(self.path, self.rows)
