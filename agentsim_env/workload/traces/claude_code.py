"""Claude Code conversations as published with kv-cache-tester (github.com/callanjfox/kv-cache-tester).

A folder of JSON files, one such file, or JSONL with one conversation a line: `{"id", "block_size", "hash_id_scope",
"requests": [...]}`. A request has `in`, `out`, `hash_ids`, `think_time` (s, client side, before the request),
`api_time` (s, server side), `t` (s since the conversation began), `input_types`; its `type` is `n` or `s` (not
streamed or streamed). A sub-agent is an entry of type `subagent` with `requests` of its own, after the request that
started it; `status` is `completed`, or `async_launched` if the conversation does not wait for it. The AgentX traces of
SemiAnalysis are of this layout too.
"""

import math
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agentsim_env.workload.traces.build import TraceBuilder
from agentsim_env.workload.traces.clock import out_of_order
from agentsim_env.workload.traces.errors import Problems, TraceError, shown
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.json_ids import common_prefix
from agentsim_env.workload.traces.lines import parse
from agentsim_env.workload.traces.opening import trace_files
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.sniff import Sample
from agentsim_env.workload.traces.trie import PrefixTrie

BLOCK_TOKENS = 64  # block_size of the published traces
_DEEPEST = 50  # sub-agents in one another
_RESOLUTION_S = 1.0  # times of requests are whole seconds in the published traces


class _Request(NamedTuple):
    """One request; NaN where the trace has no time."""

    t_s: float
    prompt_tokens: int
    output_tokens: int
    ids: np.ndarray | None
    think_s: float
    api_s: float
    tool: str

    @property
    def end_s(self) -> float:
        """NaN if it is not known."""
        return self.t_s + self.api_s


class _Agent(NamedTuple):
    """A sub-agent: `t_s` is its end in the published traces; others give its start."""

    t_s: float
    duration_s: float
    entries: "list[_Request | _Agent]"
    is_awaited: bool


class _Turn(NamedTuple):
    """A turn that others may wait for, and its end in seconds of the conversation."""

    turn: int
    end_s: float


class _Branch(NamedTuple):
    """A sub-agent still to be joined: its last turn, its end, and the turn that started it (-1 for none)."""

    last: int
    end_s: float
    started_by: int


def detect(sample: Sample) -> bool:
    """Whether a file looks like a Claude Code trace."""
    return "requests" in sample.keys and not (sample.keys | sample.nested).isdisjoint(("hash_ids", "hash_id_scope"))


def read(path: Path, options: ReadOptions) -> Trace:
    """Reads conversations; all arrive at 0, since the trace has no arrival times (see `sample_episode`)."""
    problems = Problems(options.skip_bad_lines)
    files = trace_files(path, (".json", ".jsonl"), options.max_bytes)
    conversations = _Conversations(options)
    for file in files:
        documents = file.lines() if ".jsonl" in file.path.suffixes else iter([(0, file.content())])
        for line, raw in documents:
            try:
                _read_conversation(parse(file.path, line, raw), conversations, options, problems)
            except TraceError as error:
                problems.add(error)
    twice = f"{conversations.repeated:,} conversations have the id of an earlier one; they are played as well"
    return conversations.builder.trace(
        "claude_code",
        len(files),
        problems,
        span_s=None,
        sorted_records=conversations.sorted_records,
        doubts=(twice,) if conversations.repeated else (),
        subagent_requests=conversations.subagent_requests,
        subagent_prompt_tokens=conversations.subagent_prompt_tokens,
        subagent_output_tokens=conversations.subagent_output_tokens,
    )


def _read_conversation(
    record: Record, conversations: "_Conversations", options: ReadOptions, problems: Problems
) -> None:
    record.choice("hash_id_scope", ("local",), "local")
    tokens_per_id = BLOCK_TOKENS
    if "block_size" in record:
        tokens_per_id = record.tokens("block_size", 1)
    tokens_per_id = options.trace_block_tokens or tokens_per_id
    entries = _entries(record.records("requests"), tokens_per_id, problems)
    if not entries:
        raise record.error("requests", "holds no request that could be read; allowed: at least one")
    conversations.add(record.text("id", ""), entries, tokens_per_id)


def _entries(records: list[Record], tokens_per_id: int, problems: Problems, depth: int = 0) -> list[_Request | _Agent]:
    """Requests and sub-agents of a list, without the bad ones; `depth` counts the sub-agents around it."""
    entries: list[_Request | _Agent] = []
    for record in records:
        try:
            if record.choice("type", ("n", "s", "subagent"), "n") == "subagent":
                if depth == _DEEPEST:
                    raise record.error("requests", f"are those of more than {_DEEPEST} sub-agents in one another")
                inner = _entries(record.records("requests"), tokens_per_id, problems, depth + 1)
                duration_s = record.seconds("duration_ms", math.nan, 0.0, per_s=1e3)
                is_awaited = record.text("status", "") != "async_launched"
                agent = _Agent(record.seconds("t"), duration_s, inner, is_awaited)
                # one that only starts others makes no request of its own: those start where it does
                entries += [agent] if any(isinstance(entry, _Request) for entry in inner) else inner
            else:
                problems.lines += 1
                entries.append(_request(record, tokens_per_id))
        except TraceError as error:
            problems.add(error)
    return entries


def _request(record: Record, tokens_per_id: int) -> _Request:
    prompt_tokens = record.tokens("in", 1)
    types = record.content.get("input_types", ["tool_result"])
    if not isinstance(types, list):
        raise record.error("input_types", f"is {shown(types)}; allowed: a list such as ['tool_result'] or ['text']")
    return _Request(
        record.seconds("t"),
        prompt_tokens,
        record.tokens("out"),
        record.ids("hash_ids", prompt_tokens, tokens_per_id),
        record.seconds("think_time", math.nan, 0.0),
        record.seconds("api_time", math.nan, 0.0),
        "tool" if "tool_result" in types else "user",
    )


def _streams(entries: list[_Request | _Agent]) -> list[list[_Request | _Agent]]:
    """Entries of a sub-agent as conversations side by side: a request goes to one whose last request had ended.

    Of several it goes to that with whose ids it has the most in common. What it starts stays with it.
    """
    streams: list[list[_Request | _Agent]] = []
    last: list[_Request | None] = []
    at = 0
    for entry in entries:
        if isinstance(entry, _Request):
            begin_s = entry.t_s + _RESOLUTION_S
            free = [i for i, before in enumerate(last) if before is None or not before.end_s > begin_s]
            at = max(free, key=partial(_in_common, entry, last), default=len(streams))
        if at == len(streams):
            streams.append([])
            last.append(None)
        streams[at].append(entry)
        if isinstance(entry, _Request):
            last[at] = entry
    return streams


def _in_common(request: _Request, last: list[_Request | None], at: int) -> int:
    """Ids that a request has in common with the last one of a stream."""
    before = last[at]
    return 0 if before is None or before.ids is None or request.ids is None else common_prefix(before.ids, request.ids)


def _by_time(entries: list[_Request | _Agent]) -> tuple[list[_Request | _Agent], int]:
    """Entries by the times of the requests, and how many of these were out of order.

    Sub-agents, whose times are their starts or their ends, stay behind the request before them.
    """
    times_s: list[float] = []
    for entry in entries:
        times_s.append(entry.t_s if isinstance(entry, _Request) else times_s[-1] if times_s else -math.inf)
    order = sorted(range(len(entries)), key=times_s.__getitem__)
    return [entries[at] for at in order], out_of_order([e.t_s for e in entries if isinstance(e, _Request)])


class _Conversations:
    """Adds conversations as programs."""

    def __init__(self, options: ReadOptions) -> None:
        self.builder = TraceBuilder(options)
        self.repeated = 0
        self.sorted_records = 0
        self.subagent_requests = 0
        self.subagent_prompt_tokens = 0
        self.subagent_output_tokens = 0
        self._service = options.service
        self._names: set[str] = set()

    def add(self, name: str, entries: list[_Request | _Agent], tokens_per_id: int) -> None:
        """Adds a program."""
        self.repeated += name != "" and name in self._names
        self._names.add(name)
        trie = self.builder.scope(tokens_per_id)
        self.builder.program(0.0, family="claude_code")
        self._chain(entries, trie, 0.0)

    def _chain(
        self, entries: list[_Request | _Agent], trie: PrefixTrie, clock_s: float, origin: _Turn | None = None
    ) -> _Turn | None:
        """Adds the turns of a main conversation or, hanging off `origin`, of a sub-agent; returns the last.

        Args:
            entries: Requests and sub-agents.
            trie: Scope of the ids.
            clock_s: Start of the entries' clock, in seconds of the conversation.
            origin: Turn that started the sub-agent.
        """
        last: _Turn | None = None
        waiting: list[_Branch] = []
        entries, unsorted = _by_time(entries)
        self.sorted_records += unsorted
        for entry in entries:
            if isinstance(entry, _Agent):
                waiting += self._agent(entry, trie, clock_s, last or origin)
                continue
            begin_s = clock_s + entry.t_s
            turn = self._turn(entry, trie, last)
            ready = [branch for branch in waiting if branch.end_s < begin_s + _RESOLUTION_S]
            waiting = [branch for branch in waiting if branch not in ready]
            for branch in ready:
                self.builder.edge(branch.last, turn, max(0.0, begin_s - branch.end_s), "agent")
            if last is None and origin is not None:
                self.builder.edge(origin.turn, turn, max(0.0, begin_s - origin.end_s), "agent")
            elif last is not None and all(branch.started_by != last.turn for branch in ready):
                # a sub-agent in between explains the wait: its turns are simulated, not recorded
                gap_s = max(0.0, begin_s - last.end_s) if math.isnan(entry.think_s) else entry.think_s
                self.builder.edge(last.turn, turn, gap_s, entry.tool)
            served_s = entry.api_s
            if math.isnan(served_s):
                served_s = self._service.service_s(entry.prompt_tokens, entry.output_tokens)
            last = _Turn(turn, begin_s + served_s)
        return last

    def _turn(self, entry: _Request, trie: PrefixTrie, before: _Turn | None) -> int:
        return self.builder.turn(
            entry.prompt_tokens,
            entry.output_tokens,
            ids=entry.ids,
            trie=trie,
            extends=() if before is None else (before.turn,),
        )

    def _agent(self, agent: _Agent, trie: PrefixTrie, clock_s: float, origin: _Turn | None) -> list[_Branch]:
        """Adds the turns of a sub-agent; returns what is to be joined."""
        entries, unsorted = _by_time(agent.entries)
        self.sorted_records += unsorted
        first = next((entry for entry in entries if isinstance(entry, _Request)), None)
        if first is None:
            return []
        t_s = clock_s + agent.t_s
        start_s = t_s - agent.duration_s
        if not start_s >= (origin.end_s if origin else 0.0) - _RESOLUTION_S or clock_s + first.t_s >= t_s:
            start_s = t_s
        # inside, clocks start with the sub-agent in the published traces, with the conversation in others
        inner_s = start_s - first.t_s if clock_s + first.t_s + _RESOLUTION_S < start_s else clock_s
        turns, prompts, outputs = len(self.builder), self.builder.prompt_tokens, self.builder.output_tokens
        lasts = [self._chain(stream, trie, inner_s, origin) for stream in _streams(entries)]
        self.subagent_requests += len(self.builder) - turns
        self.subagent_prompt_tokens += self.builder.prompt_tokens - prompts
        self.subagent_output_tokens += self.builder.output_tokens - outputs
        if not agent.is_awaited:
            return []
        end_s = math.nan if math.isnan(agent.duration_s) else start_s + agent.duration_s
        started_by = origin.turn if origin else -1
        return [_Branch(last.turn, last.end_s if math.isnan(end_s) else end_s, started_by) for last in lasts if last]
