"""Azure LLM inference traces (github.com/Azure/AzurePublicDataset): single-turn requests, lengths only.

Two layouts: the published `TIMESTAMP,ContextTokens,GeneratedTokens` with dates, and `t_s,in,out` with seconds.
"""

from pathlib import Path

import numpy as np

from agentsim_env.workload.traces.csv_rows import cell_error, column_index, read_rows, seconds_cell, token_cell
from agentsim_env.workload.traces.errors import Problems, TraceError
from agentsim_env.workload.traces.flat import FlatRequests
from agentsim_env.workload.traces.lines import trace_files
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.sniff import Sample

_DATES = ("timestamp", "contexttokens", "generatedtokens")
_SECONDS = ("t_s", "in", "out")


def detect(sample: Sample) -> bool:
    """Whether a file looks like an Azure trace."""
    return set(_DATES) <= set(sample.columns) or set(_SECONDS) <= set(sample.columns)


def read(path: Path, options: ReadOptions) -> Trace:
    """Reads an Azure trace; arrivals count from the first request."""
    problems = Problems(options.skip_bad_lines)
    files = trace_files(path, (".csv",))
    requests = FlatRequests()
    for file in files:
        _read_file(file, requests, problems)
    return requests.trace("azure", files, problems, options.block_size)


def _read_file(file: Path, requests: FlatRequests, problems: Problems) -> None:
    columns, rows = read_rows(file, problems)
    layout, time_cell = (_DATES, _date_cell) if _DATES[0] in columns else (_SECONDS, seconds_cell)
    time, prompt, output = (column_index(file, columns, name) for name in layout)
    for line, cells in rows:
        try:
            requests.add(
                time_cell(file, line, layout[0], cells[time]),
                token_cell(file, line, layout[1], cells[prompt], 1),
                token_cell(file, line, layout[2], cells[output], 0),
            )
        except TraceError as error:
            problems.add(error)


def _date_cell(file: Path, line: int, column: str, cell: str) -> float:
    """Seconds since 1970 of a date such as `2023-11-16 18:15:46.6805900` or `2024-05-10 00:00:00.009930+00:00`."""
    try:
        moment = np.datetime64(cell.strip().removesuffix("+00:00").removesuffix("Z"), "ns")
    except ValueError:
        moment = np.datetime64("NaT")
    if np.isnat(moment):
        raise cell_error(file, line, column, cell, "a date and time in UTC, as 2023-11-16 18:15:46.68059")
    return int(moment.astype(np.int64)) / 1e9
