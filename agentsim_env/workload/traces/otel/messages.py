"""What a call of a model asked and was answered, in OpenTelemetry's attributes: messages as JSON in strings."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from agentsim_env.workload.traces.chat_messages import Part, as_text, digest, read_message
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.texts import Message, message

_OUTPUTS = ("gen_ai.output.text", "gen_ai.completion", "gen_ai.output", "gen_ai.output.messages")
_INPUT = "gen_ai.input.messages"
_BEFORE = ("gen_ai.tool.definitions", "gen_ai.system_instructions")


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


class Interned:
    """One object for all equal messages and digests: a conversation repeats them in every call."""

    def __init__(self) -> None:
        """Starts with none."""
        self._messages: dict[Message, Message] = {}
        self._digests: dict[bytes, bytes] = {}

    def content(self, content: Content) -> Content:
        """The same content, of objects that others have too."""
        return content._replace(
            prompt=tuple(self._messages.setdefault(part, part) for part in content.prompt),
            said=frozenset(self._digests.setdefault(part, part) for part in content.said),
        )


def read_content(attributes: Record) -> Content:
    """The messages of a call; nothing of those that the trace leaves out.

    Raises:
        TraceError: They are not JSON, or not messages.
    """
    asked = _messages(attributes, _INPUT)
    before = tuple(message(name, as_text(attributes.content[name])) for name in _BEFORE if attributes.content.get(name))
    output = next((name for name in _OUTPUTS if attributes.content.get(name)), "")
    answered = _messages(attributes, output) if output else []
    said = [part for role, parts in asked if role == "assistant" for part in parts]
    parts = [part for _, parts in answered for part in parts]
    return Content(
        (*before, *(digest(role, parts) for role, parts in asked)) if asked else (),
        frozenset(digest("", [part]).key for part in said),
        {part.call_id: part.tool for part in said if part.call_id},
        asked[-1][0] if asked else "",
        tuple(_answered_calls(asked)),
        tuple(digest("assistant", parts) for _, parts in answered),
        frozenset(digest("", [part]).key for part in parts),
        frozenset(part.call_id for part in parts if part.call_id),
    )


def _answered_calls(asked: list[tuple[str, list[Part]]]) -> Iterator[str]:
    """Ids of the tool calls that the messages after the last answer bring results of."""
    for role, parts in reversed(asked):
        if role == "assistant":
            return
        yield from (part.call_id for part in parts if part.call_id)


def _messages(attributes: Record, name: str) -> list[tuple[str, list[Part]]]:
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
        return [("assistant", [Part(as_text(value).strip())])]
    found = value if isinstance(value, list) else [value]
    return [read_message(attributes, f"{name}[{at}]", item) for at, item in enumerate(found)]


def _are_messages(value: Any) -> bool:
    found = value if isinstance(value, list) else [value]
    return bool(found) and all(isinstance(item, dict) and "role" in item for item in found)
