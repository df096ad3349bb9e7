"""Whole iterations that a user measured: a CSV of prefill tokens, cached tokens, decodes, context and milliseconds."""

from pathlib import Path

import numpy as np

from agentsim_env.hardware.calibrate.problems import CalibrationError
from agentsim_env.hardware.calibrate.steps import Steps
from agentsim_env.hardware.calibrate.tables import read_csv

COLUMNS = ("prefill_tokens", "cached_tokens", "decodes", "context_tokens", "ms")


def read_steps(file: Path) -> Steps:
    """Read iterations, one a row.

    Columns: `prefill_tokens` new tokens of one prefill chunk (0: none), `cached_tokens` cached before it, `decodes`
    sequences that decode, `context_tokens` the context of each, new token included, and `ms` the time of the iteration.

    Raises:
        CalibrationError: If a column is missing, a number is negative or an iteration has nothing to do.
    """
    table = read_csv(file, COLUMNS)
    new, cached, decodes, context, ms = (np.asarray(table[name], dtype=np.float64) for name in COLUMNS)
    for name, column in zip(COLUMNS, (new, cached, decodes, context, ms), strict=True):
        wrong = np.flatnonzero(~(column >= 0))
        if len(wrong):
            raise CalibrationError(
                f"{file}: line {wrong[0] + 2}: {name} is {column[wrong[0]]}, must be a number of at least 0"
            )
    empty = np.flatnonzero((new + decodes == 0) | (ms == 0))
    if len(empty):
        raise CalibrationError(f"{file}: line {empty[0] + 2}: no prefill tokens, no decodes, or 0 ms")
    nowhere = np.flatnonzero((decodes > 0) & (context == 0))
    if len(nowhere):
        raise CalibrationError(
            f"{file}: line {nowhere[0] + 2}: decodes without context_tokens, which count the new one"
        )
    chunks = (new > 0).astype(np.float64)
    return Steps(decodes, np.where(decodes > 0, context, 0.0), chunks, new, cached * chunks, ms * 1e-3)
