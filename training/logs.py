"""Where the numbers of a training run go: tables and TensorBoard, which a resume continues."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat
from torch.utils.tensorboard.writer import SummaryWriter

from agentsim_env.training.errors import TrainingError
from agentsim_env.training.files import read_csv, write_csv

STEP = "step"


class Table(KVWriter):
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

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Adds a row, as SB3's logger asks for it."""
        self.add(step, {key: value for key, value in key_values.items() if np.isscalar(value)})

    def add(self, step: int, values: dict[str, Any]) -> None:
        """Adds a row."""
        self.rows.append({STEP: step, **values})
        write_csv(self.path, self.rows)

    def close(self) -> None:
        """Nothing to do: the file is whole after every row."""


class ResumedTensorBoard(TensorBoardOutputFormat):
    """TensorBoard events, where those after a given step are forgotten.

    Args:
        folder: Folder of the event files.
        step: Decisions made so far.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self.writer = SummaryWriter(log_dir=str(folder), purge_step=step + 1)
        self._is_closed = False


def make_logger(folder: Path, step: int) -> Logger:
    """SB3's logger for a run, begun or resumed after `step` decisions."""
    return Logger(str(folder), [Table(folder / "progress.csv", step), ResumedTensorBoard(folder / "tensorboard", step)])
