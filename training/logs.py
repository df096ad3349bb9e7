"""Where the numbers of a training go: tables and TensorBoard, which a resume continues."""

from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat
from torch.utils.tensorboard.writer import SummaryWriter

from agentsim_env.training.rows import Table


class LoggedTable(Table, KVWriter):
    """A table that SB3's logger writes to."""

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Adds a row, as SB3's logger asks for it."""
        self.add(step, {key: value for key, value in key_values.items() if np.isscalar(value)})

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
    return Logger(
        str(folder), [LoggedTable(folder / "progress.csv", step), ResumedTensorBoard(folder / "tensorboard", step)]
    )
