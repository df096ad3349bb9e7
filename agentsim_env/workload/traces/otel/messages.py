"""Messages of a call as OpenTelemetry's attributes hold them: JSON in strings, in two forms.

The older form is OpenAI's: `{role, content: text or [{type: "text", text}], tool_calls: [{id, function: {name,
arguments}}], tool_call_id}`; the newer one is OpenTelemetry's own: `{role, parts: [...]}` with parts of the types
`text` (content), `tool_call` (id, name, arguments), `tool_call_response` (id, response) and `reasoning` (content).
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from agentsim_env.workload.traces.errors import shown
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.texts import Message, message

_OUTPUTS = ("gen_ai.output.text", "gen_ai.completion", "gen_ai.output", "gen_ai.output.messages")
_INPUT = "gen_ai.input.messages"
_BEFORE = ("gen_ai.tool.definitions", "gen_ai.system_instructions")
_THOUGHT = ("reasoning", "thinking")


class _Part(NamedTuple):
    """A piece of a message; `call_id` and `tool` only of tool calls and their results."""

    text: str
    call_id: str = ""
    tool: str = ""


class Content(NamedTuple):
    """What a call asked and was answered, without the texts.

    Attributes:
        prompt: Messages of the prompt, with what stands before them: tools and system instructions.
        said: Digests of the parts of the assistant's messages in the prompt.
        called: Ids of the tool calls in the prompt, with the names of their tools.
        last_role: Role of the last message, empty if there is none.
        last_calls: Ids of the tool calls that the last messages answer.
        answer: The messages of the answer.
        answer_parts: Digests of their parts.
        answer_calls: Ids of the tool calls in it.
    """

    prompt: tuple[Message, ...]
    said: frozenset[bytes]
    called: Mapping[str, str]
    last_role: str
    last_calls: tuple[str, ...]
    answer: tuple[Message, ...]
    answer_parts: frozenset[bytes]
    answer_calls: frozenset[str]


def read_content(attributes: Record) -> Content:
    """The messages of a call; nothing of those that the trace leaves out.

    Raises:
        TraceError: They are not JSON, or not messages.
    """
    asked = _messages(attributes, _INPUT)
    before = tuple(message(name, _text(attributes.content[name])) for name in _BEFORE if attributes.content.get(name))
    output = next((name for name in _OUTPUTS if attributes.content.get(name)), "")
    answered = _messages(attributes, output) if output else []
    said = [part for role, parts in asked if role == "assistant" for part in parts]
    parts = [part for _, parts in answered for part in parts]
    return Content(
        (*before, *(_digest(role, parts) for role, parts in asked)) if asked else (),
        frozenset(_digest("", [part]).key for part in said),
        {part.call_id: part.tool for part in said if part.call_id},
        asked[-1][0] if asked else "",
        tuple(_answered_calls(asked)),
        tuple(_digest("assistant", parts) for _, parts in answered),
        frozenset(_digest("", [part]).key for part in parts),
        frozenset(part.call_id for part in parts if part.call_id),
    )


def _answered_calls(asked: list[tuple[str, list[_Part]]]) -> Iterator[str]:
    """Ids of the tool calls that the messages after the last answer bring results of."""
    for role, parts in reversed(asked):
        if role == "assistant":
            return
        yield from (part.call_id for part in parts if part.call_id)


def _digest(role: str, parts: list[_Part]) -> Message:
    return message(role, *(piece for part in parts for piece in part))


def _messages(attributes: Record, name: str) -> list[tuple[str, list[_Part]]]:
    """Roles and parts of the messages under a name; a text that is no JSON is one of the assistant."""
    value = attributes.content.get(name)
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            if name == _INPUT:
                raise attributes.error(name, f"is not JSON ({error}); allowed: a list of messages") from error
    if value is None:
        return []
    if name != _INPUT and not _are_messages(value):
        return [("assistant", [_Part(_text(value).strip())])]
    found = value if isinstance(value, list) else [value]
    return [_message(attributes, f"{name}[{at}]", item) for at, item in enumerate(found)]


def _are_messages(value: Any) -> bool:
    found = value if isinstance(value, list) else [value]
    return bool(found) and all(isinstance(item, dict) and "role" in item for item in found)


def _message(attributes: Record, place: str, item: Any) -> tuple[str, list[_Part]]:
    if not isinstance(item, dict) or not isinstance(item.get("role"), str):
        raise attributes.error(place, f"is {shown(item)}; allowed: an object with role and content or parts")
    role, call_id = item["role"], _text(item.get("tool_call_id"))
    content = item.get("parts", item.get("content"))
    pieces = content if isinstance(content, list) else [] if content is None else [content]
    parts = [part for piece in pieces for part in _parts(piece, call_id)]
    calls = item.get("tool_calls")
    parts += [_tool_call(call) for call in (calls if isinstance(calls, list) else []) if isinstance(call, dict)]
    return role, parts


def _parts(piece: Any, call_id: str) -> Iterator[_Part]:
    """The part that a piece of a message is; none for reasoning, which chat templates leave out."""
    if not isinstance(piece, dict):
        yield _Part(_text(piece).strip(), call_id)
    elif piece.get("type") in ("tool_call", "tool_use"):
        yield _tool_call(piece)
    elif piece.get("type") in ("tool_call_response", "tool_result"):
        answered = piece.get("id", piece.get("tool_use_id"))
        yield _Part(_text(piece.get("response", piece.get("content"))).strip(), _text(answered))
    elif piece.get("type") not in _THOUGHT:
        yield _Part(_text(piece.get("text", piece.get("content", piece))).strip(), call_id)


def _tool_call(call: dict[str, Any]) -> _Part:
    """A tool call, its arguments the same whether they are JSON or JSON in a string."""
    function = call.get("function")
    named = function if isinstance(function, dict) else call
    arguments = named.get("arguments", named.get("input"))
    if isinstance(arguments, str):
        with contextlib.suppress(ValueError, RecursionError):
            arguments = json.loads(arguments)
    return _Part(_text(arguments), _text(call.get("id")), _text(named.get("name")))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
