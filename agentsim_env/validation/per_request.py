"""Reads files with one row a request, such as `vllm_rtx_requests.csv`."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agentsim_env.validation.matching import identity, tp_of
from agentsim_env.validation.measurements import Run
from agentsim_env.validation.problems import ValidationError
from agentsim_env.validation.table import Row
from agentsim_env.validation.timings import Timings

LATEST_S = 1e10  # clocks count from the start of a run, or from 1970
REQUIRED = ("arrival_s", "in", "out", "first_token_s", "last_token_s")


def read(path: Path, rows: Sequence[Row]) -> list[Run]:
    """Runs of the rows of one file, one for each GPU, model and tp that the rows name.

    Args:
        path: The file, for names.
        rows: Columns `arrival_s`, `in`, `out`, `first_token_s`, `last_token_s`: seconds on one clock, and tokens.
            A column `run` tells runs of one engine apart.

    Raises:
        ValidationError: A cell is missing or not a number, or a request ends before it begins.
    """
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[" ".join(part for part in (identity(row), row.text("run")) if part)].append(row)
    return [_run(path, name, group) for name, group in groups.items()]


def _run(path: Path, name: str, rows: Sequence[Row]) -> Run:
    times = np.array(
        [[row.number(column, -np.inf, LATEST_S) for column in ("arrival_s", *REQUIRED[3:])] for row in rows]
    )
    tokens = np.array([[row.count("in"), row.count("out")] for row in rows], dtype=np.float64)
    arrival_s, first_s, end_s = times.T
    wrong = np.flatnonzero((first_s < arrival_s) | (end_s < first_s))
    if len(wrong):
        raise ValidationError(f"{rows[wrong[0]].where}: arrival, first token and last token are not in this order")
    order = np.argsort(arrival_s, kind="stable")
    start_s = float(arrival_s.min())
    requests = Timings(arrival_s - start_s, tokens[:, 0], tokens[:, 1], first_s - start_s, end_s - start_s)
    return Run(
        name=name or path.stem,
        file=path.name,
        tp=tp_of(rows[0]),
        requests=Timings(*(column[order] for column in requests)),
    )
