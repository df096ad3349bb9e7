"""Azure LLM inference traces (github.com/Azure/AzurePublicDataset): single-turn requests, lengths only.

Two layouts: the published `TIMESTAMP,ContextTokens,GeneratedTokens` with dates, and `t_s,in,out` with seconds.
"""

import contextlib
import re
from pathlib import Path

import numpy as np

from agentsim_env.workload.traces.clock import Clock
from agentsim_env.workload.traces.csv_rows import cell_error, column_index, read_rows, seconds_cell, token_cell
from agentsim_env.workload.traces.errors import Problems, TraceError
from agentsim_env.workload.traces.flat import FlatRequests
from agentsim_env.workload.traces.opening import TraceFile, trace_files
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.sniff import Sample

_DATES = ("timestamp", "contexttokens", "generatedtokens")
_SECONDS = ("t_s", "in", "out")
_DATE = re.compile(
    r"(?P<moment>(?:19[7-9]\d|2[01]\d\d)-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?)"
    r" ?(?:Z|UTC|(?P<sign>[+-])(?P<hours>[01]\d|2[0-3]):?(?P<minutes>[0-5]\d)?)?"
)
_ALLOWED_DATE = "a date and time in UTC, or with its offset, as 2023-11-16 18:15:46.68059 or 2024-05-10 02:00:00+02:00"
_NO_DATE = np.datetime64("NaT")


def detect(sample: Sample) -> bool:
    """Whether a file looks like an Azure trace."""
    return set(_DATES) <= set(sample.columns) or set(_SECONDS) <= set(sample.columns)


def read(path: Path, options: ReadOptions) -> Trace:
    """Reads an Azure trace; arrivals count from the first request."""
    problems = Problems(options.skip_bad_lines)
    files = trace_files(path, (".csv",), options.max_bytes)
    requests = FlatRequests()
    clock = Clock(options.time_unit, "s")
    for file in files:
        _read_file(file, requests, problems, clock)
    return requests.trace("azure", files, problems, options.block_size, doubts=clock.check(path))


def _read_file(file: TraceFile, requests: FlatRequests, problems: Problems, clock: Clock) -> None:
    columns, rows = read_rows(file, problems)
    path, dated = file.path, _DATES[0] in columns
    layout = _DATES if dated else _SECONDS
    time, prompt, output = (column_index(path, columns, name) for name in layout)
    for line, cells in rows:
        try:
            if dated:
                arrival_s = _date_cell(path, line, layout[0], cells[time])
            else:
                arrival_s = seconds_cell(path, line, layout[0], cells[time], clock.per_s)
            prompt_tokens = token_cell(path, line, layout[1], cells[prompt], 1)
            requests.add(arrival_s, prompt_tokens, token_cell(path, line, layout[2], cells[output], 0))
            clock.see(arrival_s)
        except TraceError as error:
            problems.add(error)


def _date_cell(path: Path, line: int, column: str, cell: str) -> float:
    """Seconds since 1970 of a date such as `2023-11-16 18:15:46.6805900` (UTC) or `2024-05-10 02:00:00+02:00`."""
    found = _DATE.fullmatch(cell.strip())
    moment = _NO_DATE
    if found:
        with contextlib.suppress(ValueError):
            moment = np.datetime64(found["moment"], "ns")
    if np.isnat(moment):
        raise cell_error(path, line, column, cell, _ALLOWED_DATE)
    sign, hours, minutes = (found[name] for name in ("sign", "hours", "minutes")) if found else ("", "", "")
    ahead_s = int(f"{sign or ''}1") * (3600 * int(hours or 0) + 60 * int(minutes or 0))
    return int(moment.astype(np.int64)) / 1e9 - ahead_s
