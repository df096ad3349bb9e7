"""The trace formats that can be read. A new one is a file with `detect` and `read`, and a line here."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from agentsim_env.workload.traces import (
    aiperf,
    aisimulate,
    azure,
    bailian,
    burstgpt,
    claude_code,
    exported,
    llmservingsim,
    mooncake,
    otel,
    tracelab,
    vllm_multi_turn,
)
from agentsim_env.workload.traces.errors import TraceError
from agentsim_env.workload.traces.nearest import advice, listed, written_elsewhere
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.sniff import Sample, sniff


class TraceFormat(NamedTuple):
    """A trace format.

    Attributes:
        name: Name, as it is given to `read_trace`.
        layout: What a file looks like, in a line.
        fields: Fields that its JSON cannot do without, one tuple for each layout.
        detect: Whether the beginning of a file looks like this format.
        read: Reads a file or folder.
        columns: Likewise columns of its CSV.
        is_array: Its records may be those of one JSON array.
    """

    name: str
    layout: str
    fields: tuple[tuple[str, ...], ...]
    detect: Callable[[Sample], bool]
    read: Callable[[Path, ReadOptions], Trace]
    columns: tuple[tuple[str, ...], ...] = ()
    is_array: bool = False


FORMATS = {
    entry.name: entry
    for entry in (
        TraceFormat(
            "agentsim",
            "JSONL or Parquet written by agentsim_env.workload.traces.export",
            (("format", "version", "programs"),),
            exported.detect,
            exported.read,
        ),
        TraceFormat(
            "aisimulate",
            "JSONL: header with schema dynamo.agentic_mooncake, then request_id, play_id, dependencies, ...",
            (("request_id", "play_id", "session_id", "input_length", "output_length", "not_before_ms"),),
            aisimulate.detect,
            aisimulate.read,
        ),
        TraceFormat(
            "claude_code",
            "JSON files (or JSONL): id, block_size, requests: [{in, out, hash_ids, think_time, ...}]",
            (("id", "requests", "block_size"),),
            claude_code.detect,
            claude_code.read,
        ),
        TraceFormat(
            "otel",
            "JSON or JSONL: trace_id, spans: [{start_time, end_time, attributes, ...}]; or OTLP/JSON: resourceSpans",
            (("trace_id", "spans"), ("resourceSpans",)),
            otel.detect,
            otel.read,
        ),
        TraceFormat(
            "aiperf",
            "JSONL of texts: messages, output_length, session_id, timestamp or delay; or session_id, turns",
            (("messages", "output_length"), ("session_id", "turns")),
            aiperf.detect,
            aiperf.read,
        ),
        TraceFormat(
            "bailian",
            "JSONL: chat_id, parent_chat_id, timestamp, input_length, output_length, type, turn, hash_ids",
            (("chat_id", "parent_chat_id", "timestamp", "input_length", "output_length"),),
            bailian.detect,
            bailian.read,
        ),
        TraceFormat(
            "llmservingsim",
            "JSONL: input_toks, output_toks, arrival_time_ns; or sub_requests; or nodes and edges",
            (
                ("input_toks", "output_toks", "arrival_time_ns"),
                ("sub_requests", "arrival_time_ns"),
                ("nodes", "edges", "arrival_time_ns"),
            ),
            llmservingsim.detect,
            llmservingsim.read,
        ),
        TraceFormat(
            "mooncake",
            "JSONL: timestamp, input_length, output_length, hash_ids",
            (("timestamp", "input_length", "output_length"),),
            mooncake.detect,
            mooncake.read,
        ),
        TraceFormat(
            "tracelab",
            "JSONL: session_id, round_index, input_tokens_total, output_tokens; CSV: session_id, round_idx, prefix_len",
            (("session_id", "round_index", "input_tokens_total", "output_tokens"),),
            tracelab.detect,
            tracelab.read,
            (("session_id", *tracelab.COLUMNS),),
        ),
        TraceFormat(
            "vllm_multi_turn",
            "JSON array (or JSONL) of texts: id, messages: [{role, content}]",
            (("id", "messages"),),
            vllm_multi_turn.detect,
            vllm_multi_turn.read,
            is_array=True,
        ),
        TraceFormat(
            "azure",
            "CSV: TIMESTAMP,ContextTokens,GeneratedTokens or t_s,in,out",
            (),
            azure.detect,
            azure.read,
            (("timestamp", "contexttokens", "generatedtokens"), ("t_s", "in", "out")),
        ),
        TraceFormat(
            "burstgpt",
            "CSV: Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type",
            (),
            burstgpt.detect,
            burstgpt.read,
            (("timestamp", "model", "request tokens", "response tokens"),),
        ),
    )
}


def detect_format(path: Path | str) -> str:
    """Name of the format of a trace, from its first bytes and the names of its fields.

    Raises:
        TraceError: No such file, or a format that no reader knows; says what it is nearest to.
    """
    path = Path(path)
    sample = sniff(path)
    found = next((entry.name for entry in FORMATS.values() if entry.detect(sample)), None)
    if found is not None and (FORMATS[found].is_array or not sample.text.startswith("[")):
        return found
    if found is not None:
        problem = f"is a JSON array of {found} records; allowed: one JSON object a line, as from jq -c '.[]'"
        raise TraceError(path, 1, "", problem)
    names = list(sample.columns) or sorted(sample.keys)
    if elsewhere := written_elsewhere(names):
        raise TraceError(path, 0, "", f"is {elsewhere}")
    what = f"begins with {sample.text[:60]!r}" if sample.text else "has blank lines only"
    if len(names) > 1:
        what = f"has the fields {listed(names)}"
    if sample.columns and (separator := next((mark for mark in ";\t|" if mark in sample.text), None)):
        what += f", separated by {separator!r} where ',' is expected"
    needs = {entry.name: entry.columns if sample.columns else entry.fields for entry in FORMATS.values()}
    if near := advice(names, [(name, fields) for name, layouts in needs.items() for fields in layouts]):
        what += f"; {near}"
    if len(sample.columns) > 1:
        what += "; single requests in any CSV are read as azure once its columns are t_s,in,out (seconds and tokens)"
    known = "; ".join(f"{entry.name} ({entry.layout})" for entry in FORMATS.values())
    raise TraceError(path, 0, "", f"{what}; no known trace format; known: {known}")
