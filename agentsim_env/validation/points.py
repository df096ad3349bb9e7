"""Reads files with one row per operating point, such as `silicon_closed_loop.csv` or `vllm_isl_sweep.csv`."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

from agentsim_env.validation.matching import identity, tp_of
from agentsim_env.validation.measurements import Arrivals, Load, Run
from agentsim_env.validation.problems import ValidationError
from agentsim_env.validation.table import Row
from agentsim_env.validation.timings import STATISTICS

REQUIRED = ("isl", "osl")
MOST_REQUESTS = 1_000_000  # of one point: a minute of simulation
LEAST_RATE_PER_S = 1e-6
REQUESTS_PER_CLIENT = 10  # what InferenceX sends
# `--random-range-ratio` of the InferenceX harness: both lengths are uniform between this share of their label and it.
SHORTEST = {"inferencemax": 0.8}
MEASURED = re.compile(r"(ttft|tpot|e2e)(?:_(mean|p50|p90|p95|p99))?_(ms|s)")
TOKENS_PER_S = "out_tok_s"


def measured_columns(columns: Sequence[str]) -> list[str]:
    """Those of `columns` that hold a measured value."""
    return [name for name in columns if MEASURED.fullmatch(name) or name == TOKENS_PER_S]


def read(path: Path, rows: Sequence[Row]) -> list[Run]:
    """Runs of the rows of one file, one a row.

    Args:
        path: The file, for names.
        rows: Columns `isl` and `osl` (tokens of every prompt and answer); `concurrency` (closed loop), or `rate_rps`
            with `arrivals` (`constant` or `poisson`); perhaps `requests` or `completed`, and `range_ratio` (lengths
            are uniform between this share of `isl` and `osl` and these; by default 1, and 0.8 where `src` is
            inferencemax, whose harness does so). Measured values are in
            `<metric>_<statistic>_<unit>`: ttft, tpot or e2e; mean (also if left out), p50, p90, p95 or p99; ms or s;
            and in `out_tok_s`.

    Raises:
        ValidationError: A cell is missing or not a number, or the load is not described.
    """
    return [_run(path, row) for row in rows]


def _run(path: Path, row: Row) -> Run:
    load = _load(row)
    loop = f"C{load.concurrency}" if load.arrivals == "closed" else f"{load.rate_per_s:g}/s {load.arrivals}"
    name = f"{identity(row)} {load.prompt_tokens}/{load.output_tokens} {loop}".strip()
    return Run(name=name, file=path.name, tp=tp_of(row), load=load, measured=_measured(row))


def _load(row: Row) -> Load:
    arrivals: Arrivals = "closed"
    concurrency, rate = 0, 0.0
    if row.has("concurrency") and row.has("rate_rps"):
        raise ValidationError(f"{row.where}: concurrency and rate_rps; a load is a closed loop or an open one")
    if row.has("concurrency"):
        concurrency = row.count("concurrency", MOST_REQUESTS // REQUESTS_PER_CLIENT)
        requests = REQUESTS_PER_CLIENT * concurrency
    elif row.has("rate_rps"):
        rate = row.number("rate_rps")
        if rate < LEAST_RATE_PER_S:
            raise ValidationError(
                f"{row.where}: rate_rps is {rate:g}; must be above 0, and at least {LEAST_RATE_PER_S:g}"
            )
        named = row.text("arrivals").lower() or "poisson"
        if named not in ("constant", "poisson"):
            raise ValidationError(f"{row.where}: arrivals is {named!r}; must be constant or poisson")
        arrivals = "constant" if named == "constant" else "poisson"
        requests = 300
    else:
        raise ValidationError(f"{row.where}: neither concurrency nor rate_rps")
    for column in ("requests", "completed"):
        if row.has(column):
            requests = row.count(column, MOST_REQUESTS)
            break
    shortest = row.number("range_ratio") if row.has("range_ratio") else SHORTEST.get(row.text("src"), 1.0)
    if not 0 < shortest <= 1:
        raise ValidationError(f"{row.where}: range_ratio is {shortest:g}; must be above 0 and at most 1")
    return Load(row.count("isl"), row.count("osl"), shortest, arrivals, concurrency, rate, requests)


def _measured(row: Row) -> dict[tuple[str, str], float]:
    values: dict[tuple[str, str], float] = {}
    for column in measured_columns(tuple(row.cells)):
        found = MEASURED.fullmatch(column)
        if found is None:
            values["tokens_per_s", "total"] = row.number(column)
            continue
        metric, statistic, unit = found.groups()
        value = row.number(column) / (1000.0 if unit == "ms" else 1.0)
        key = f"{metric}_s", statistic or STATISTICS[0]
        if not math.isclose(values.get(key, value), value, rel_tol=1e-3):
            raise ValidationError(f"{row.where}: {column} contradicts another column of the same value")
        if value > 0:
            values[key] = value
    return values
