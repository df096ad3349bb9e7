"""Reads files with one row per operating point, such as `silicon_closed_loop.csv` or `vllm_isl_sweep.csv`."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from agentsim_env.validation.matching import identity, tp_of
from agentsim_env.validation.measurements import Run, Stage
from agentsim_env.validation.point_loads import load_of, stages_of_runs
from agentsim_env.validation.problems import ValidationError
from agentsim_env.validation.row_limits import row_limits
from agentsim_env.validation.table import Row
from agentsim_env.validation.timings import STATISTICS

# Of an end-to-end time some write e2el.
MEASURED = re.compile(r"(ttft|tpot|e2e|itl)l?(?:_(mean|p50|median|p90|p95|p99))?_(ms|s)")
TOKENS_PER_S = ("out_tok_s", "out_tok_per_s", "output_tok_s")


def measured_columns(columns: Sequence[str]) -> list[str]:
    """Those of `columns` that hold a measured value."""
    return [name for name in columns if _metric(name) is not None or name in TOKENS_PER_S]


def read(path: Path, rows: Sequence[Row]) -> list[Run]:
    """Runs of the rows of one file, one a row.

    Args:
        path: The file, for names.
        rows: The load is in the columns that `point_loads` tells, limits of the engine in those of `row_limits`.
            Measured values are in `<metric>_<statistic>_<unit>`: ttft, tpot, e2e or itl (its mean only); mean (also if
            left out), p50 (or median), p90, p95 or p99; ms or s; and in `out_tok_s`. Without a mean TPOT it is what
            the means of the other two leave.

    Raises:
        ValidationError: A cell is missing or not a number, or the load is not described.
    """
    stages = stages_of_runs(rows)
    return [_run(path, row, stages) for row in rows]


def _run(path: Path, row: Row, stages: Mapping[str, tuple[Stage, ...]]) -> Run:
    load = load_of(row, stages)
    if load.arrivals == "closed":
        loop = f"C{load.concurrency}"
    else:
        rates = "/".join(f"{stage.rate_per_s:g}" for stage in load.stages) or f"{load.rate_per_s:g}"
        loop = f"{rates}/s {load.arrivals}" + (f" stage {load.counted}" if load.counted >= 0 else "")
    sessions = f"x{load.turns} turns" if load.turns > 1 else ""
    shared = f"({load.groups}x{load.questions} prompts)" if load.groups else ""
    said = (row.text("exp"), row.text("config"))
    parts = (identity(row), *said, f"{load.prompt_tokens}/{load.output_tokens}", sessions, shared, loop)
    name = " ".join(part for part in parts if part)
    measured = _measured(row, load.output_tokens)
    return Run(name=name, file=path.name, tp=tp_of(row), load=load, measured=measured, limits=row_limits(row))


def _metric(column: str) -> tuple[str, str, float] | None:
    """Metric, statistic and seconds of the unit of a column; None if it holds none."""
    found = MEASURED.fullmatch(column)
    if found is None or (column.startswith(("ttftl", "tpotl", "itll"))):
        return None
    metric, statistic, unit = found.groups()
    statistic = "p50" if statistic == "median" else statistic or STATISTICS[0]
    if metric == "itl" and statistic != "mean":
        return None
    return f"{metric}_s", statistic, 1e-3 if unit == "ms" else 1.0


def _measured(row: Row, output_tokens: int) -> dict[tuple[str, str], float]:
    values: dict[tuple[str, str], float] = {}
    for column in measured_columns(tuple(row.cells)):
        found = _metric(column)
        if found is None:
            values["tokens_per_s", "total"] = row.number(column)
            continue
        metric, statistic, unit_s = found
        value = row.number(column) * unit_s
        key = metric, statistic
        if not math.isclose(values.get(key, value), value, rel_tol=1e-3):
            raise ValidationError(f"{row.where}: {column} contradicts another column of the same value")
        if value > 0:
            values[key] = value
    ttft_s, e2e_s = values.get(("ttft_s", "mean")), values.get(("e2e_s", "mean"))
    if ("tpot_s", "mean") not in values and ttft_s and e2e_s and e2e_s > ttft_s and output_tokens > 1:
        values["tpot_s", "mean"] = (e2e_s - ttft_s) / (output_tokens - 1)
    return values
