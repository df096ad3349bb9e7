"""Inputs of aiperf that hold texts (github.com/ai-dynamo/aiperf): JSONL in three shapes, which may be mixed.

* `mooncake_trace` with messages: `{"session_id"?, "timestamp" or "delay" (ms), "messages", "tools"?, "message_mode"?,
  "output_length"}`; the requests of a session follow one another in the order of the file
* `multi_turn`: `{"session_id"?, "turns": [{"text" or "texts", "timestamp"?, "delay"?, "max_tokens"?}]}`
* `dag_jsonl`: `{"session_id", "turns": [{"messages", "max_tokens"?, "tools"?, "delay"?, "forks"?, "spawns"?}],
  "pre_session_spawns"?, "context_mode"?}`; `forks` go on from what their turn had said, `spawns` start afresh

Those with lengths and `hash_ids` are Mooncake's. Lengths are characters / 4.
"""

import math
from collections.abc import Iterator
from pathlib import Path

from agentsim_env.workload.traces.chat_messages import as_text, digest, read_message
from agentsim_env.workload.traces.errors import Problems, shown
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.lines import read_records
from agentsim_env.workload.traces.opening import trace_files
from agentsim_env.workload.traces.options import MESSAGE_MODES, ReadOptions
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.sniff import Sample
from agentsim_env.workload.traces.text_sessions import OUTPUT_TOKENS, Launch, Session, TextSessions, Turn
from agentsim_env.workload.traces.texts import Message, message

_WHOLE = ("message_array_with_responses", "message_array_without_responses")
_CONTEXT_MODES = ("deltas_without_responses", "deltas_with_responses", *_WHOLE)


def detect(sample: Sample) -> bool:
    """Whether a file looks like texts of aiperf; with lengths of its own it is Mooncake's."""
    if not sample.keys.isdisjoint(("input_length", "input_tokens", "id")):
        return False
    if {"messages", "output_length"} <= sample.keys:
        return True
    return "turns" in sample.keys and not sample.nested.isdisjoint(("text", "texts", "messages"))


def read(path: Path, options: ReadOptions) -> Trace:
    """Reads sessions; one that others start is a part of their program."""
    problems = Problems(options.skip_bad_lines)
    files = trace_files(path, (".jsonl",), options.max_bytes)
    reader = _Reader(options)
    for _ in read_records(files, problems, reader.take):
        pass
    sessions = TextSessions(options, "aiperf")
    sessions.add(reader.sessions, problems)
    return sessions.trace(len(files), problems)


class _Reader:
    """Turns lines into sessions.

    Attributes:
        sessions: Those so far, by name.
    """

    def __init__(self, options: ReadOptions) -> None:
        self.sessions: dict[str, Session] = {}
        self._message_mode = options.message_mode or "history"

    def take(self, record: Record) -> None:
        """Adds a session, or a request to one."""
        named = "session_id" in record
        name = record.text("session_id") if named else f"line {record.line} of {record.path}"
        if "turns" not in record:
            turn = self._request(record)
            self.sessions.setdefault(name, Session(name, [], (), (record.path, record.line))).turns.append(turn)
            return
        if record.content.get("orchestrator"):
            raise record.error("orchestrator", "is not read; allowed: sessions with turns of their own")
        if name in self.sessions:
            raise record.error("session_id", f"{shown(name)} was used before; allowed: one of its own for each session")
        is_whole = record.choice("context_mode", _CONTEXT_MODES, _CONTEXT_MODES[0]) in _WHOLE
        given = record.records("turns")
        if not given:
            raise record.error("turns", "is empty; allowed: at least one")
        turns = [_turn(one, at, len(given), is_whole) for at, one in enumerate(given)]
        before = tuple(_name(record, "pre_session_spawns", child) for child in record.items("pre_session_spawns", []))
        self.sessions[name] = Session(name, turns, before, (record.path, record.line))

    def _request(self, record: Record) -> Turn:
        is_delta = record.choice("message_mode", MESSAGE_MODES, self._message_mode) == "delta"
        messages, roles = _messages(record)
        output_tokens = record.tokens("output_length")
        return Turn(
            messages, roles, output_tokens, _seconds(record, "delay"), _seconds(record, "timestamp"), not is_delta
        )


def _turn(record: Record, at: int, n_turns: int, is_whole: bool) -> Turn:
    """A turn of a session; one of `multi_turn` adds a message to what was said."""
    if "messages" in record:
        messages, roles = _messages(record)
    else:
        messages, roles = (_said(record),), (record.text("role", "user"),)
        is_whole = False
    known = "max_tokens" in record
    return Turn(
        messages,
        roles,
        record.tokens("max_tokens", 1) if known else OUTPUT_TOKENS,
        _seconds(record, "delay"),
        _seconds(record, "timestamp"),
        is_whole,
        tuple(_launches(record, at, n_turns)),
        is_guessed=not known,
    )


def _said(record: Record) -> Message:
    """The message of a turn that is given by its texts."""
    if "texts" not in record:
        return message("user", record.text("text"))
    pieces = []
    for at, piece in enumerate(record.items("texts")):
        texts = piece.get("contents") if isinstance(piece, dict) else [piece]
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise record.error(f"texts[{at}]", f"is {shown(piece)}; allowed: a text, or an object with contents")
        pieces += texts
    return message("user", *pieces)


def _messages(record: Record) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """Messages with their roles, the definitions of tools before them."""
    given = [read_message(record, f"messages[{at}]", item) for at, item in enumerate(record.items("messages"))]
    if not given:
        raise record.error("messages", "is empty; allowed: at least one")
    found = [digest(role, parts) for role, parts in given]
    roles = [role for role, _ in given]
    if "tools" in record:
        found, roles = [message("tools", as_text(record.content["tools"])), *found], ["tools", *roles]
    return tuple(found), tuple(roles)


def _launches(record: Record, at: int, n_turns: int) -> Iterator[Launch]:
    """The sessions that a turn starts."""
    for item in record.items("forks", []):
        child = item.get("child") if isinstance(item, dict) else item
        yield Launch(_name(record, "forks", child), is_fork=True)
    for item in record.items("spawns", []):
        if not isinstance(item, dict):
            yield Launch(_name(record, "spawns", item), join_at=at + 1 if at + 1 < n_turns else -1)
            continue
        group = Record(record.path, record.line, item, f"{record.place}spawns.")
        join_at = group.whole("join_at", at + 1, n_turns - 1, -1)
        for child in group.items("children"):
            yield Launch(_name(group, "children", child), join_at=join_at)


def _name(record: Record, field: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise record.error(field, f"holds {shown(value)}; allowed: names of sessions")
    return value


def _seconds(record: Record, name: str) -> float:
    return record.seconds(name, math.nan, 0.0, 1e3)
