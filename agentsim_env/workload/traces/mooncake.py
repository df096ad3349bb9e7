"""Mooncake traces: one request a line, with ids of 512-token prefix blocks.

`{"timestamp": ms, "input_length": tokens, "output_length": tokens, "hash_ids": [...]}`, as published with Mooncake
(FAST'25, github.com/kvcache-ai/Mooncake). The fields that Dynamo adds are read too: `session_id` names the session,
`delay` (ms) is the gap since the end of the session's previous request, which then may lack a timestamp.
"""

import math
from pathlib import Path

from agentsim_env.workload.traces.build import TraceBuilder
from agentsim_env.workload.traces.chats import ChatRequest, add_sessions
from agentsim_env.workload.traces.errors import Problems
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.json_ids import NO_IDS
from agentsim_env.workload.traces.lines import read_records, trace_files
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.sessions import rebuild_sessions
from agentsim_env.workload.traces.sniff import Sample

BLOCK_TOKENS = 512  # the published traces, github.com/kvcache-ai/Mooncake FAST25-release
_ARRIVAL = ("timestamp", "created_time")
_DELAY = ("delay", "delay_ms")
_INPUT = ("input_length", "input_tokens")
_OUTPUT = ("output_length", "output_tokens")


def detect(sample: Sample) -> bool:
    """Whether a file looks like a Mooncake trace."""
    return not sample.keys.isdisjoint(_INPUT) and sample.keys.isdisjoint(("request_id", "chat_id", "schema"))


def read(path: Path, options: ReadOptions) -> Trace:
    """Reads a Mooncake trace.

    Sessions are those the trace names; if it names none they are rebuilt from the ids (see `rebuild_sessions`).
    """
    problems = Problems(options.skip_bad_lines)
    files = trace_files(path, (".jsonl",))
    tokens_per_id = options.trace_block_tokens or BLOCK_TOKENS
    begun: set[str] = set()
    requests = list(read_records(files, problems, lambda record: _request(record, tokens_per_id, begun)))
    if any(request.session for request in requests):
        parents = _named_parents(requests)
    else:
        requests.sort(key=lambda request: request.arrival_s)
        ids = [NO_IDS if request.ids is None else request.ids for request in requests]
        parents = rebuild_sessions(ids, [request.prompt_tokens for request in requests], tokens_per_id)
    builder = TraceBuilder(options)
    add_sessions(builder, requests, parents, builder.scope(tokens_per_id), options.service)
    return builder.trace("mooncake", len(files), problems)


def _request(record: Record, tokens_per_id: int, begun: set[str]) -> ChatRequest:
    session = record.text("session_id", "")
    delay_ms = record.number(_DELAY, math.nan, 0.0)
    follows = session in begun and session != ""
    arrival_ms = record.number(_ARRIVAL, math.nan) if follows and delay_ms >= 0.0 else record.number(_ARRIVAL)
    prompt_tokens = record.tokens(_INPUT, 1)
    request = ChatRequest(
        arrival_ms / 1e3,
        prompt_tokens,
        record.tokens(_OUTPUT),
        record.ids("hash_ids", prompt_tokens, tokens_per_id),
        session,
        delay_ms / 1e3,
        "mooncake",
    )
    begun.add(session)
    return request


def _named_parents(requests: list[ChatRequest]) -> list[int]:
    """The request before each one in its named session; a request without a name stands alone."""
    last: dict[str, int] = {}
    parents = []
    for at, request in enumerate(requests):
        parents.append(last.get(request.session, -1))
        if request.session:
            last[request.session] = at
    return parents
