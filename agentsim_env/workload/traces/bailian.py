"""Qwen-Bailian usage traces (github.com/alibaba-edu/qwen-bailian-usagetraces-anon).

One request a line: `{"chat_id", "parent_chat_id" (-1 for none), "timestamp" (s), "input_length", "output_length",
"type", "turn", "hash_ids"}`, the ids standing for blocks of 16 tokens. A request whose parent is not in the file (it
came before the window) begins a session.
"""

from pathlib import Path

from agentsim_env.workload.traces.build import TraceBuilder
from agentsim_env.workload.traces.chats import ChatRequest, add_sessions
from agentsim_env.workload.traces.clock import Clock, out_of_order
from agentsim_env.workload.traces.errors import Problems
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.lines import read_records
from agentsim_env.workload.traces.opening import trace_files
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.sniff import Sample

NO_PARENT = "-1"
BLOCK_TOKENS = 16  # README of the traces: "Salted SipHash blocks (16 tokens per block)"


def detect(sample: Sample) -> bool:
    """Whether a file looks like a Bailian trace."""
    return "chat_id" in sample.keys


def read(path: Path, options: ReadOptions) -> Trace:
    """Reads a Bailian trace; the families of its programs are the types of their first requests."""
    problems = Problems(options.skip_bad_lines)
    files = trace_files(path, (".jsonl",), options.max_bytes)
    clock = Clock(options.time_unit, "s")
    tokens_per_id = options.trace_block_tokens or BLOCK_TOKENS
    seen: set[str] = set()
    found = list(read_records(files, problems, lambda record: _request(record, tokens_per_id, seen, clock)))
    unsorted = out_of_order([request.arrival_s for request, _ in found])
    found.sort(key=lambda item: item[0].arrival_s)
    requests = [request for request, _ in found]
    at_chat: dict[str, int] = {}
    parents = []
    for at, (request, parent) in enumerate(found):
        parents.append(at_chat.get(parent, -1))
        at_chat[request.session] = at
    late = sum(at_chat.get(parent, -1) >= at for at, (_, parent) in enumerate(found))
    unknown = sum(parent not in at_chat and parent != NO_PARENT for _, parent in found)
    orphans = [f"{late:,} requests follow up one that is not before them; they begin sessions"] if late else []
    orphans += [f"{unknown:,} requests follow up one that is not here; they begin sessions"] if unknown else []
    builder = TraceBuilder(options)
    add_sessions(builder, requests, parents, builder.scope(tokens_per_id), options.service)
    return builder.trace(
        "bailian",
        len(files),
        problems,
        span_s=requests[-1].arrival_s - requests[0].arrival_s if requests else 0.0,
        sorted_records=unsorted,
        doubts=(*clock.check(path), *orphans),
    )


def _request(record: Record, tokens_per_id: int, seen: set[str], clock: Clock) -> tuple[ChatRequest, str]:
    """A request, its chat as `session`, and the chat that it follows up."""
    chat = record.text("chat_id")
    if chat in seen:
        raise record.error("chat_id", f"{chat[:60]} was used before; allowed: a chat_id of its own for each request")
    prompt_tokens = record.tokens("input_length", 1)
    request = ChatRequest(
        clock.see(record.seconds("timestamp", per_s=clock.per_s)),
        prompt_tokens,
        record.tokens("output_length"),
        record.ids("hash_ids", prompt_tokens, tokens_per_id),
        chat,
        family=record.text("type", "chat"),
    )
    seen.add(chat)
    return request, record.text("parent_chat_id", NO_PARENT)
