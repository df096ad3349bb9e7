"""BurstGPT traces (github.com/HPMLL/BurstGPT): requests to ChatGPT and GPT-4, lengths only.

Columns `Timestamp` (s), `Model`, `Request tokens`, `Response tokens`, `Total tokens`, `Log Type`; newer releases add
`Session ID` and `Elapsed time` (s). A request with 0 response tokens failed and is skipped.
"""

import math
from pathlib import Path

from agentsim_env.workload.traces.build import TraceBuilder
from agentsim_env.workload.traces.chats import ChatRequest, add_sessions
from agentsim_env.workload.traces.clock import Clock, out_of_order
from agentsim_env.workload.traces.csv_rows import column_index, read_rows, seconds_cell, token_cell
from agentsim_env.workload.traces.errors import Problems, TraceError
from agentsim_env.workload.traces.flat import FlatRequests
from agentsim_env.workload.traces.opening import TraceFile, trace_files
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.sniff import Sample

_TIME, _PROMPT, _OUTPUT = "timestamp", "request tokens", "response tokens"
_SESSION, _ELAPSED = "session id", "elapsed time"


def detect(sample: Sample) -> bool:
    """Whether a file looks like a BurstGPT trace."""
    return _PROMPT in sample.columns and _OUTPUT in sample.columns


def read(path: Path, options: ReadOptions) -> Trace:
    """Reads a BurstGPT trace; each request is a program unless the trace names sessions."""
    problems = Problems(options.skip_bad_lines)
    files = trace_files(path, (".csv",), options.max_bytes)
    clock = Clock(options.time_unit, "s")
    flat = FlatRequests()
    chats: list[tuple[ChatRequest, float]] = []
    failed = sum(_read_file(file, flat, chats, problems, clock) for file in files)
    if any(request.session for request, _ in chats):
        return _sessions(chats, len(files), problems, options, failed, clock.check(path))
    return flat.trace("burstgpt", files, problems, options.block_size, failed, doubts=clock.check(path))


def _read_file(
    file: TraceFile, flat: FlatRequests, chats: list[tuple[ChatRequest, float]], problems: Problems, clock: Clock
) -> int:
    """Adds the requests of a file to `flat`, or to `chats` if it has sessions; returns the failed ones."""
    columns, rows = read_rows(file, problems)
    path = file.path
    time, prompt, output = (column_index(path, columns, name) for name in (_TIME, _PROMPT, _OUTPUT))
    session = columns.index(_SESSION) if _SESSION in columns else -1
    elapsed = columns.index(_ELAPSED) if _ELAPSED in columns else -1
    failed = 0
    for line, cells in rows:
        try:
            arrival_s = clock.see(seconds_cell(path, line, _TIME, cells[time], clock.per_s))
            output_tokens = token_cell(path, line, _OUTPUT, cells[output], 0)
            prompt_tokens = token_cell(path, line, _PROMPT, cells[prompt], 1 if output_tokens else 0)
            served = cells[elapsed] if elapsed >= 0 else ""
            served_s = seconds_cell(path, line, _ELAPSED, served, clock.per_s) if served else math.nan
        except TraceError as error:
            problems.add(error)
            continue
        if output_tokens == 0:
            failed += 1
        elif session < 0:
            flat.add(arrival_s, prompt_tokens, output_tokens)
        else:
            request = ChatRequest(arrival_s, prompt_tokens, output_tokens, session=cells[session], family="burstgpt")
            chats.append((request, served_s))
    return failed


def _sessions(
    chats: list[tuple[ChatRequest, float]],
    files: int,
    problems: Problems,
    options: ReadOptions,
    failed: int,
    doubts: tuple[str, ...],
) -> Trace:
    """Programs from named sessions; the gap is the arrival less the end of the request before, if it is known."""
    unsorted = out_of_order([request.arrival_s for request, _ in chats])
    chats.sort(key=lambda chat: chat[0].arrival_s)
    last: dict[str, int] = {}
    parents: list[int] = []
    requests: list[ChatRequest] = []
    for at, (request, _) in enumerate(chats):
        before = last.get(request.session, -1)
        delay_s = request.arrival_s - chats[before][0].arrival_s - chats[before][1] if before >= 0 else math.nan
        delay_s = delay_s if math.isnan(delay_s) else max(0.0, delay_s)
        parents.append(before)
        requests.append(request._replace(delay_s=delay_s))
        if request.session:
            last[request.session] = at
    builder = TraceBuilder(options)
    add_sessions(builder, requests, parents, None, options.service)
    return builder.trace(
        "burstgpt",
        files,
        problems,
        failed_requests=failed,
        span_s=chats[-1][0].arrival_s - chats[0][0].arrival_s,
        sorted_records=unsorted,
        doubts=doubts,
    )
