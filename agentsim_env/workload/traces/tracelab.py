"""TraceLab (github.com/uw-syfi/TraceLab): sessions of coding agents, as rounds or as a table.

Rounds are JSONL as the collector releases them: `{provider, session_id, round_index, input_tokens_total, prefix_tokens,
output_tokens, timing_events: [{event_type, timestamp}], tools: [{tool_name, result_at}], first_input_event_type}`. The
table is CSV: `session_id` (or `id`), `round_idx`, `prefix_len`, `input_len`, `output_len`, `tool_wait_after_ms`, and
`arrival_time` (ms) if it is known.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agentsim_env.workload.traces.build import TraceBuilder
from agentsim_env.workload.traces.csv_rows import column_index, read_rows, seconds_cell, token_cell
from agentsim_env.workload.traces.errors import Problems, TraceError, shown
from agentsim_env.workload.traces.fields import MAX_TOKENS, Record
from agentsim_env.workload.traces.iso_times import iso_ns
from agentsim_env.workload.traces.lines import read_records
from agentsim_env.workload.traces.opening import TraceFile, trace_files
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.sniff import Sample
from agentsim_env.workload.traces.texts import MOST_NAMED_TOKENS
from agentsim_env.workload.traces.trie import PrefixTrie

COLUMNS = ("round_idx", "prefix_len", "input_len", "output_len", "tool_wait_after_ms")
_ARRIVAL = "arrival_time"
_INPUTS = ("user_message", "tool_result")
_OUTPUTS = ("reasoning", "text", "tool_call")


class _Round(NamedTuple):
    """A round.

    Attributes:
        session: Its session.
        round_index: Its place in the session.
        arrival_s: When its inputs were there; NaN if unknown.
        end_s: Its last output; NaN if unknown.
        prompt_tokens: Whole prompt.
        output_tokens: Output, reasoning included.
        prefix_tokens: What of the prompt was there before: kept by the session, or found by the provider's cache.
        is_kept: `prefix_tokens` is exactly what the session kept.
        wait_s: Wait after it; NaN if the times tell.
        tool: Tool that ran last after it.
        follows_user: Its input is a user's.
        family: Who served it.
        line: Where it stands.
    """

    session: str
    round_index: int
    arrival_s: float
    end_s: float
    prompt_tokens: int
    output_tokens: int
    prefix_tokens: int
    is_kept: bool
    wait_s: float
    tool: str
    follows_user: bool
    family: str
    line: tuple[Path, int]


def detect(sample: Sample) -> bool:
    """Whether a file looks like rounds or a table of TraceLab."""
    return {"round_idx", "prefix_len"} <= set(sample.columns) or {"round_index", "input_tokens_total"} <= sample.keys


def read(path: Path, options: ReadOptions) -> Trace:
    """Reads sessions; each is a chain of turns."""
    problems = Problems(options.skip_bad_lines)
    files = trace_files(path, (".csv", ".jsonl"), options.max_bytes)
    sessions: dict[str, dict[int, _Round]] = {}
    for file in files:
        for one in _rounds(file, problems):
            rounds = sessions.setdefault(one.session, {})
            if one.round_index in rounds:
                problem = f"{one.round_index} was used before in session {shown(one.session)}; allowed: each once"
                problems.add(TraceError(*one.line, "round_index", problem))
                continue
            rounds[one.round_index] = one
    chains = [[rounds[index] for index in sorted(rounds)] for rounds in sessions.values()]
    builder = TraceBuilder(options)
    trie = builder.scope(options.block_size)
    first_s = [chain[0].arrival_s for chain in chains]
    timed = [time_s for time_s in first_s if not math.isnan(time_s)]
    for chain in chains:
        arrival_s = chain[0].arrival_s
        builder.program(min(timed, default=0.0) if math.isnan(arrival_s) else arrival_s, family=chain[0].family)
        _add_turns(builder, trie, chain, options.block_size)
    moments_s = [one.arrival_s for chain in chains for one in chain if not math.isnan(one.arrival_s)]
    untimed = len(first_s) - len(timed)
    return builder.trace(
        "tracelab",
        len(files),
        problems,
        span_s=max(moments_s) - min(moments_s) if moments_s else None,
        doubts=(f"{untimed:,} sessions have no arrival; they come with the first",) if timed and untimed else (),
    )


def _rounds(file: TraceFile, problems: Problems) -> Iterable[_Round]:
    is_json = file.beginning().lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    return read_records([file], problems, _round) if is_json else _rows(file, problems)


def _round(record: Record) -> _Round:
    events = record.records("timing_events", [])
    times_s = [(event.text("event_type"), iso_ns(event, "timestamp") / 1e9) for event in events]
    inputs_s = [time_s for kind, time_s in times_s if kind in _INPUTS]
    outputs_s = [time_s for kind, time_s in times_s if kind in _OUTPUTS]
    ran = [tool for tool in record.records("tools", []) if "result_at" in tool]
    return _Round(
        record.text("session_id"),
        record.whole("round_index", 0, 2**31),
        max(inputs_s, default=math.nan),
        max(outputs_s or inputs_s, default=math.nan),
        record.tokens("input_tokens_total", 1),
        record.tokens("output_tokens"),
        record.whole("prefix_tokens", 0, MAX_TOKENS, 0),
        False,
        math.nan,
        max(ran, key=lambda tool: iso_ns(tool, "result_at")).text("tool_name", "tool") if ran else "tool",
        record.text("first_input_event_type", "") == "user_message",
        record.text("provider", "tracelab"),
        (record.path, record.line),
    )


def _rows(file: TraceFile, problems: Problems) -> Iterable[_Round]:
    columns, rows = read_rows(file, problems)
    path = file.path
    session = column_index(path, columns, "session_id" if "session_id" in columns else "id")
    index, prefix, new, output, wait = (column_index(path, columns, name) for name in COLUMNS)
    arrival = columns.index(_ARRIVAL) if _ARRIVAL in columns else -1
    for line, cells in rows:
        try:
            prefix_tokens = token_cell(path, line, "prefix_len", cells[prefix], 0)
            prompt_tokens = prefix_tokens + token_cell(path, line, "input_len", cells[new], 0 if prefix_tokens else 1)
            if prompt_tokens > MAX_TOKENS:
                problem = f"makes a prompt of {prompt_tokens} tokens; allowed: {MAX_TOKENS}"
                raise TraceError(path, line, "input_len", problem)
            began = cells[arrival] if arrival >= 0 else ""
            yield _Round(
                cells[session],
                token_cell(path, line, "round_idx", cells[index], 0),
                seconds_cell(path, line, _ARRIVAL, began, 1e3) if began else math.nan,
                math.nan,
                prompt_tokens,
                token_cell(path, line, "output_len", cells[output], 0),
                prefix_tokens,
                True,
                _wait_s(path, line, cells[wait]),
                "tool",
                False,
                "tracelab",
                (path, line),
            )
        except TraceError as error:
            problems.add(error)


def _wait_s(path: Path, line: int, cell: str) -> float:
    """The wait after a round; 0 where the cell is empty, as after the last."""
    wait_s = seconds_cell(path, line, "tool_wait_after_ms", cell, 1e3) if cell else 0.0
    if wait_s < 0.0:
        raise TraceError(path, line, "tool_wait_after_ms", f"is {shown(cell)}; allowed: at least 0")
    return wait_s


def _add_turns(builder: TraceBuilder, trie: PrefixTrie, chain: Sequence[_Round], block_tokens: int) -> None:
    """Adds the turns of a session; ids of blocks stand for what each prompt keeps of the context before."""
    before, turn = None, -1
    context = np.empty(0, dtype=np.int64)
    for one in chain:
        kept = 0 if before is None else _kept_tokens(before, one)
        tokens = min(one.prompt_tokens + one.output_tokens, MOST_NAMED_TOKENS)
        fresh = len(builder) * MOST_NAMED_TOKENS + np.arange(tokens // block_tokens, dtype=np.int64)
        shared = context[: kept // block_tokens]
        context = np.concatenate((shared, fresh[len(shared) :]))
        goes_on = before is not None and kept == before.prompt_tokens + before.output_tokens
        added = builder.turn(
            one.prompt_tokens,
            one.output_tokens,
            ids=context[: one.prompt_tokens // block_tokens],
            trie=trie,
            extends=(turn,) if goes_on else (),
        )
        if before is not None:
            builder.edge(turn, added, _gap_s(before, one), "user" if one.follows_user else before.tool)
        before, turn = one, added


def _gap_s(before: _Round, one: _Round) -> float:
    """Seconds from the last output of a round to the last input of the next; 0 if the trace does not tell."""
    gap_s = one.arrival_s - before.end_s if math.isnan(before.wait_s) else before.wait_s
    return 0.0 if math.isnan(gap_s) else max(0.0, gap_s)


def _kept_tokens(before: _Round, one: _Round) -> int:
    """Tokens that a prompt has in common with the context before it, output included."""
    context = before.prompt_tokens + before.output_tokens
    if one.is_kept:
        return min(one.prefix_tokens, context)
    if one.prompt_tokens >= context:
        return context
    if one.prompt_tokens >= before.prompt_tokens:
        return before.prompt_tokens
    return min(one.prefix_tokens, one.prompt_tokens)
