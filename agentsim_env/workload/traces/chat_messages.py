"""Messages of a chat, as OpenAI and OpenTelemetry write them.

The older form is OpenAI's: `{role, content: text or [{type: "text", text}], tool_calls: [{id, function: {name,
arguments}}], tool_call_id}`; the newer one is OpenTelemetry's own: `{role, parts: [...]}` with parts of the types
`text` (content), `tool_call` (id, name, arguments), `tool_call_response` (id, response) and `reasoning` (content).
"""

import contextlib
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from agentsim_env.workload.traces.errors import shown
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.texts import Message, message

_THOUGHT = ("reasoning", "thinking")


class Part(NamedTuple):
    """A piece of a message; `call_id` and `tool` only of tool calls and their results."""

    text: str
    call_id: str = ""
    tool: str = ""


def digest(role: str, parts: list[Part]) -> Message:
    """A message without its text."""
    return message(role, *(piece for part in parts for piece in part))


def read_message(record: Record, place: str, item: Any) -> tuple[str, list[Part]]:
    """Role and parts of a message.

    Args:
        record: What it is in, for errors.
        place: Its place there.
        item: The message.

    Raises:
        TraceError: It is no message.
    """
    if not isinstance(item, dict) or not isinstance(item.get("role"), str):
        raise record.error(place, f"is {shown(item)}; allowed: an object with role and content or parts")
    role, call_id = item["role"], as_text(item.get("tool_call_id"))
    content = item.get("parts", item.get("content"))
    pieces = content if isinstance(content, list) else [] if content is None else [content]
    parts = [part for piece in pieces for part in _parts(piece, call_id)]
    calls = item.get("tool_calls")
    parts += [_tool_call(call) for call in (calls if isinstance(calls, list) else []) if isinstance(call, dict)]
    return role, parts


def _parts(piece: Any, call_id: str) -> Iterator[Part]:
    """The part that a piece of a message is; none for reasoning, which chat templates leave out."""
    if not isinstance(piece, dict):
        yield Part(as_text(piece).strip(), call_id)
    elif piece.get("type") in ("tool_call", "tool_use"):
        yield _tool_call(piece)
    elif piece.get("type") in ("tool_call_response", "tool_result"):
        answered = piece.get("id", piece.get("tool_use_id"))
        yield Part(as_text(piece.get("response", piece.get("content"))).strip(), as_text(answered))
    elif piece.get("type") not in _THOUGHT:
        yield Part(as_text(piece.get("text", piece.get("content", piece))).strip(), call_id)


def _tool_call(call: dict[str, Any]) -> Part:
    """A tool call, its arguments the same whether they are JSON or JSON in a string."""
    function = call.get("function")
    named = function if isinstance(function, dict) else call
    arguments = named.get("arguments", named.get("input"))
    if isinstance(arguments, str):
        with contextlib.suppress(ValueError, RecursionError):
            arguments = json.loads(arguments)
    return Part(as_text(arguments), as_text(call.get("id")), as_text(named.get("name")))


def as_text(value: Any) -> str:
    """A text, or what is none as JSON; empty for nothing."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
