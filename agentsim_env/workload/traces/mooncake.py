"""Mooncake traces: one request a line, with ids of 512-token prefix blocks.

`{"timestamp": ms, "input_length": tokens, "output_length": tokens, "hash_ids": [...]}`, as published with Mooncake
(FAST'25, github.com/kvcache-ai/Mooncake). The fields that Dynamo adds are read too: `session_id` names the session,
`delay` (ms) is the gap since the end of the session's previous request, and the request may then lack a timestamp;
`message_mode` says whether the prompt is all of it (`history`) or what is new since the answer before (`delta`).
"""

import math
from pathlib import Path

from agentsim_env.workload.traces.build import TraceBuilder
from agentsim_env.workload.traces.chats import ChatRequest, add_sessions
from agentsim_env.workload.traces.clock import Clock, out_of_order
from agentsim_env.workload.traces.errors import Problems, TraceError, shown
from agentsim_env.workload.traces.fields import MAX_TOKENS, Record
from agentsim_env.workload.traces.json_ids import NO_IDS
from agentsim_env.workload.traces.lines import read_records
from agentsim_env.workload.traces.opening import trace_files
from agentsim_env.workload.traces.options import MESSAGE_MODES, ReadOptions
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.sessions import rebuild_sessions, session_roots
from agentsim_env.workload.traces.sniff import Sample

BLOCK_TOKENS = 512  # the published traces, github.com/kvcache-ai/Mooncake FAST25-release
_ARRIVAL = ("timestamp", "created_time")
_INPUT = ("input_length", "input_tokens")
_OUTPUT = ("output_length", "output_tokens")
_OTHERS = ("play_id", "chat_id", "schema")  # fields of formats that have those of Mooncake too


def detect(sample: Sample) -> bool:
    """Whether a file looks like a Mooncake trace; a `request_id` alone does not make it agentic Mooncake."""
    return not sample.keys.isdisjoint(_INPUT) and sample.keys.isdisjoint(_OTHERS)


def read(path: Path, options: ReadOptions) -> Trace:
    """Reads a Mooncake trace.

    Sessions are those the trace names; if it names none they are rebuilt from the ids (see `rebuild_sessions`), unless
    `options.sessions` says which of the two.
    """
    problems = Problems(options.skip_bad_lines)
    files = trace_files(path, (".jsonl",), options.max_bytes)
    reader = _Reader(options)
    given = list(read_records(files, problems, reader.request))
    doubts = reader.clock.check(path)
    requests, unsorted = _by_time(given)
    parents = _named_parents(requests)
    named = options.sessions == "named" or any(request.session for request in requests)
    if named:
        deltas = _put_together(path, requests, parents, reader.tokens_per_id)
        doubts += _doubtful_prompts(requests, parents) if not deltas else ()
    else:
        deltas = 0
        ids = [NO_IDS if request.ids is None else request.ids for request in requests]
        parents = rebuild_sessions(ids, [request.prompt_tokens for request in requests], reader.tokens_per_id)
    if options.message_mode == "delta" and not deltas:
        doubts += ("no request follows another of its named session: message_mode delta puts nothing together",)
    chained = [] if named else [at for at, parent in enumerate(parents) if parent >= 0]
    roots = session_roots(parents)
    builder = TraceBuilder(options)
    add_sessions(builder, requests, parents, builder.scope(reader.tokens_per_id), options.service)
    times_s = [request.arrival_s for request in requests if not math.isnan(request.arrival_s)]
    return builder.trace(
        "mooncake",
        len(files),
        problems,
        span_s=times_s[-1] - times_s[0] if times_s else 0.0,
        sorted_records=unsorted,
        chained_requests=len(chained),
        rebuilt_sessions=len({roots[at] for at in chained}),
        delta_prompts=deltas,
        doubts=doubts,
    )


class _Reader:
    """Turns records into requests.

    Attributes:
        clock: What the times say about their unit.
        tokens_per_id: Tokens that an id stands for.
    """

    def __init__(self, options: ReadOptions) -> None:
        self.clock = Clock(options.time_unit, "ms")
        self.tokens_per_id = options.trace_block_tokens or BLOCK_TOKENS
        self._message_mode = options.message_mode or "history"
        self._rebuilt = options.sessions == "rebuilt"
        self._begun: set[str] = set()
        self._others: set[str] | None = None  # those of the first record: a user may name the format

    def request(self, record: Record) -> ChatRequest:
        """The request of a line.

        Raises:
            TraceError: A field is missing or wrong.
        """
        others = {name for name in _OTHERS if name in record}
        self._others = others if self._others is None else self._others
        for name in others - self._others:
            raise record.error(name, "is of another format than the lines before; allowed: one format in a trace")
        session = "" if self._rebuilt else record.text("session_id", "")
        follows = session != "" and session in self._begun
        delay_s = self._delay_s(record)
        default = {"default": math.nan} if follows and not math.isnan(delay_s) else {}
        arrival_s = record.seconds(_ARRIVAL, per_s=self.clock.per_s, **default)
        prompt_tokens = record.tokens(_INPUT, 1)
        is_delta = record.choice("message_mode", MESSAGE_MODES, self._message_mode) == "delta"
        ids = record.ids("hash_ids", prompt_tokens, self.tokens_per_id)
        if is_delta and follows and ids is not None and len(ids):
            raise record.error("hash_ids", "of a prompt that is a delta have no place; allowed: none (message_mode)")
        request = ChatRequest(
            self.clock.see(arrival_s),
            prompt_tokens,
            record.tokens(_OUTPUT),
            ids,
            session,
            delay_s,
            "mooncake",
            is_delta,
        )
        self._begun.add(session)
        return request

    def _delay_s(self, record: Record) -> float:
        """Gap since the answer before; the unit of `delay` is that of the times, `delay_ms` names its own."""
        if "delay" in record:
            return record.seconds("delay", math.nan, 0.0, self.clock.per_s)
        return record.seconds("delay_ms", math.nan, 0.0, 1e3)


def _by_time(given: list[ChatRequest]) -> tuple[list[ChatRequest], int]:
    """Requests by their times, and how many were out of order; one that has only a delay stays behind its session's."""
    latest: dict[str, float] = {}
    times_s: list[float] = []
    for request in given:
        time_s = latest.get(request.session, 0.0) if math.isnan(request.arrival_s) else request.arrival_s
        latest[request.session] = time_s
        times_s.append(time_s)
    timed = [time_s for time_s, request in zip(times_s, given, strict=True) if not math.isnan(request.arrival_s)]
    order = sorted(range(len(given)), key=times_s.__getitem__)
    return [given[at] for at in order], out_of_order(timed)


def _named_parents(requests: list[ChatRequest]) -> list[int]:
    """The request before each one in its named session; a request without a name stands alone."""
    last: dict[str, int] = {}
    parents = []
    for at, request in enumerate(requests):
        parents.append(last.get(request.session, -1))
        if request.session:
            last[request.session] = at
    return parents


def _put_together(path: Path, requests: list[ChatRequest], parents: list[int], tokens_per_id: int) -> int:
    """Replaces prompts that are deltas by whole ones, the answers before among them; returns how many.

    What is shared with other sessions are the full blocks of a session's first prompt.
    """
    count = 0
    for at, parent in enumerate(parents):
        request = requests[at]
        if parent < 0 or not request.is_delta:
            continue
        before = requests[parent]
        prompt_tokens = before.prompt_tokens + before.output_tokens + request.prompt_tokens
        if prompt_tokens + request.output_tokens > MAX_TOKENS:
            problem = f"{shown(request.session)} grows beyond {MAX_TOKENS} tokens; are they deltas (message_mode)?"
            raise TraceError(path, 0, "session_id", problem)
        ids = None if before.ids is None else before.ids[: before.prompt_tokens // tokens_per_id]
        requests[at] = request._replace(prompt_tokens=prompt_tokens, ids=ids)
        count += 1
    return count


def _doubtful_prompts(requests: list[ChatRequest], parents: list[int]) -> tuple[str, ...]:
    """Whether follow-ups look like deltas: most have shorter prompts than the request before."""
    follow_ups = [(requests[at], requests[parent]) for at, parent in enumerate(parents) if parent >= 0]
    shorter = sum(request.prompt_tokens < before.prompt_tokens for request, before in follow_ups)
    if 2 * shorter <= len(follow_ups):
        return ()
    said = f"{shorter:,} of {len(follow_ups):,} follow-ups have shorter prompts than the request before"
    return (f"{said}; if a prompt is only what is new, say message_mode: delta",)
