"""AISimulate's agentic Mooncake, version 2 (github.com/ai-dynamo/aisimulate): programs as graphs of requests.

The first line is a header `{"schema": "dynamo.agentic_mooncake", "version": 2, "block_size", "hash_id_scope":
"local", "source"}`. Each other line is a request: `request_id`, `play_id` (the program), `session_id`,
`input_length`, `output_length`, `hash_ids` (local to the play), `not_before_ms`, `dependencies: [{"request_id",
"trigger": "dispatch" or "completion", "delay_ms", "relation"}]`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agentsim_env.workload.traces.build import TraceBuilder
from agentsim_env.workload.traces.errors import Problems, TraceError, shown
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.graph import topological_order
from agentsim_env.workload.traces.lines import parse
from agentsim_env.workload.traces.opening import TraceFile, trace_files
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.sniff import Sample
from agentsim_env.workload.traces.trie import PrefixTrie

SCHEMA = "dynamo.agentic_mooncake"
VERSION = 2
_MOST_WAITS = 1_000_000
_TOOLS = {"sequence": "tool", "spawn": "agent", "join": "agent", "replay_barrier": "barrier"}  # by relation


class _Dependency(NamedTuple):
    request: str
    on_dispatch: bool
    delay_s: float
    tool: str


class _Request(NamedTuple):
    name: str
    session: str
    prompt_tokens: int
    output_tokens: int
    ids: np.ndarray | None
    not_before_s: float
    dependencies: list[_Dependency]
    record: Record


class _Wait(NamedTuple):
    """A wait for the end of another request of the play."""

    source: int
    gap_s: float
    tool: str


def detect(sample: Sample) -> bool:
    """Whether a file looks like agentic Mooncake (any version: the reader says which it can read)."""
    return SCHEMA in sample.text or {"request_id", "play_id"} <= sample.keys


def read(path: Path, options: ReadOptions) -> Trace:
    """Reads plays as programs; see `docs/traces.md` for dispatch triggers and late roots."""
    problems = Problems(options.skip_bad_lines)
    files = trace_files(path, (".jsonl",), options.max_bytes)
    builder = TraceBuilder(options)
    approximated = 0
    for file in files:
        for tokens_per_id, play in _plays(file, options, problems):
            trie = builder.scope(tokens_per_id)
            waits, relaxed = _waits(play)
            approximated += relaxed
            _add_play(builder, trie, play, waits)
    return builder.trace("aisimulate", len(files), problems, approximated=approximated)


def _plays(file: TraceFile, options: ReadOptions, problems: Problems) -> Iterator[tuple[int, list[_Request]]]:
    """The plays of a file in topological order, each with the tokens that its ids stand for."""
    lines = file.lines()
    first = next(lines, None)
    if first is None:
        problem = f"has blank lines only; allowed: a header {{'schema': '{SCHEMA}', ...}} and requests"
        raise TraceError(file.path, 0, "", problem)
    tokens_per_id = options.trace_block_tokens or _header(parse(file.path, *first))
    requests: dict[str, _Request] = {}
    plays: dict[str, list[str]] = {}
    for number, raw in lines:
        problems.lines += 1
        try:
            record = parse(file.path, number, raw)
            request = _request(record, tokens_per_id)
            if request.name in requests:
                raise record.error("request_id", f"{shown(request.name)} was used before; allowed: one line a request")
            plays.setdefault(record.text("play_id"), []).append(request.name)
            requests[request.name] = request
        except TraceError as error:
            problems.add(error)
    for names in plays.values():
        play = _sorted_play([requests[name] for name in names], problems)
        if play:
            yield tokens_per_id, play


def _header(record: Record) -> int:
    """Checks the header and returns the tokens that an id stands for."""
    if record.content.get("schema") != SCHEMA:
        raise record.error("schema", f"is {shown(record.content.get('schema'))}; allowed: {SCHEMA!r} in the first line")
    if record.content.get("version") != VERSION:
        raise record.error("version", f"is {shown(record.content.get('version'))}; allowed: {VERSION}")
    record.choice("hash_id_scope", ("local",))
    return record.tokens("block_size", 1)


def _request(record: Record, tokens_per_id: int) -> _Request:
    prompt_tokens = record.tokens(("input_length", "input_tokens"), 1)
    return _Request(
        record.text("request_id"),
        record.text("session_id"),
        prompt_tokens,
        record.tokens(("output_length", "output_tokens")),
        record.ids("hash_ids", prompt_tokens, tokens_per_id),
        record.seconds("not_before_ms", minimum=0.0, per_s=1e3),
        [_dependency(item) for item in record.records("dependencies", [])],
        record,
    )


def _dependency(record: Record) -> _Dependency:
    return _Dependency(
        record.text("request_id"),
        record.choice("trigger", ("dispatch", "completion")) == "dispatch",
        record.seconds("delay_ms", minimum=0.0, per_s=1e3),
        _TOOLS[record.choice("relation", tuple(_TOOLS), "sequence")],
    )


def _sorted_play(play: list[_Request], problems: Problems) -> list[_Request]:
    """The requests of a play in topological order, without those that wait for requests it does not have."""
    play = _complete(play, problems)
    at_name = {request.name: at for at, request in enumerate(play)}
    order = topological_order([[at_name[item.request] for item in request.dependencies] for request in play])
    if order is None:
        problems.add(play[0].record.error("dependencies", "of this play form a cycle; allowed: an acyclic graph"))
        return []
    return [play[at] for at in order]


def _complete(play: list[_Request], problems: Problems) -> list[_Request]:
    """The requests that wait for none that is missing, be it at the end of a chain."""
    known = {request.name for request in play}
    waiting: dict[str, list[_Request]] = {}
    for request in play:
        for item in request.dependencies:
            waiting.setdefault(item.request, []).append(request)
    missing = [name for name in waiting if name not in known]
    lost: set[str] = set()
    for name in missing:  # grows while it is gone through
        for request in waiting.get(name, ()):
            if request.name in lost:
                continue
            lost.add(request.name)
            missing.append(request.name)
            text = f"waits for {shown(name)}, which is no request of play {shown(request.record.text('play_id'))}"
            problems.add(request.record.error("dependencies", f"{text}; allowed: requests of the same play"))
    return [request for request in play if request.name not in lost]


def _waits(play: list[_Request]) -> tuple[list[list[_Wait]], int]:
    """What each request of a sorted play waits for, in terms of ends only; and the number of relations relaxed.

    A request that waits for the dispatch of another waits for what that one waits for, and then longer: the same
    moment, unless the other waits for nothing and the delay after the start of the play is lost.
    """
    at_name = {request.name: at for at, request in enumerate(play)}
    waits: list[list[_Wait]] = []
    relaxed = total = 0
    for request in play:
        longest: dict[int, _Wait] = {}
        for item in request.dependencies:
            source = at_name[item.request]
            found = [_Wait(source, item.delay_s, item.tool)]
            if item.on_dispatch:
                found = [wait._replace(gap_s=wait.gap_s + item.delay_s) for wait in waits[source]]
                relaxed += not found and item.delay_s > 0.0
            for wait in found:
                if wait.source not in longest or longest[wait.source].gap_s < wait.gap_s:
                    longest[wait.source] = wait
        waits.append(list(longest.values()))
        total += len(longest)
        if total > _MOST_WAITS:
            problem = f"of this play come to more than {_MOST_WAITS:,} waits, once those for a dispatch are unfolded"
            raise request.record.error("dependencies", problem)
    begin_s = _begin_s(play, waits)
    late = (
        not wait and not request.dependencies and request.not_before_s > begin_s
        for request, wait in zip(play, waits, strict=True)
    )
    return waits, relaxed + sum(late)


def _begin_s(play: list[_Request], waits: list[list[_Wait]]) -> float:
    """When the first request of a play that waits for nothing may start."""
    return min(request.not_before_s for request, wait in zip(play, waits, strict=True) if not wait)


def _add_play(builder: TraceBuilder, trie: PrefixTrie, play: list[_Request], waits: list[list[_Wait]]) -> None:
    """Adds a play as a program."""
    builder.program(_begin_s(play, waits), family="aisimulate")
    turns: list[int] = []
    for request, wait in zip(play, waits, strict=True):
        same = [item.source for item in wait if play[item.source].session == request.session]
        others = [item.source for item in wait if item.source not in same]
        before = [turns[source] for source in (same if request.ids is None else same + others)]
        turn = builder.turn(request.prompt_tokens, request.output_tokens, ids=request.ids, trie=trie, extends=before)
        for item in wait:
            builder.edge(turns[item.source], turn, item.gap_s, item.tool)
        turns.append(turn)
