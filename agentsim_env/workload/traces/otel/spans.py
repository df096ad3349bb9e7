"""What a span says: a call of a model, a tool's run, an agent; in either of two encodings.

A session's JSON has `trace_id`, `start_time` (ISO 8601) and `attributes` as an object; OTLP has `traceId`,
`startTimeUnixNano` and `attributes` as a list of keys and typed values. Names of attributes are those of
OpenTelemetry's semantic conventions for generative AI 0.1.0 and what was there before them.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from agentsim_env.workload.traces.errors import shown
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.iso_times import iso_ns
from agentsim_env.workload.traces.otel.messages import Content, read_content
from agentsim_env.workload.traces.texts import estimated_tokens

_PROMPT = ("gen_ai.usage.prompt_tokens", "gen_ai.usage.input_tokens")
_OUTPUT = ("gen_ai.usage.completion_tokens", "gen_ai.usage.output_tokens")
_SESSION = ("gen_ai.conversation.id", "exgentic.session.id")
_TOOL_CALL = ("gen_ai.tool.call.id", "gen_ai.tool.id")
_START = ("start_time", "startTimeUnixNano")
_END = ("end_time", "endTimeUnixNano")
_LATEST_NS = 10**19  # 317 years
_NO_SPAN = "0000000000000000"


class Call(NamedTuple):
    """A call of a model.

    Attributes:
        span_id: Its span.
        parent_id: The span around it, empty for none.
        session: Name of its conversation, empty if unknown.
        start_ns: Start, in nanoseconds since 1970.
        end_ns: End.
        prompt_tokens: Whole prompt, what the provider had cached included.
        output_tokens: Output, reasoning included.
        content: Its messages.
        is_estimated: Tokens are characters / 4, since the trace has none.
    """

    span_id: str
    parent_id: str
    session: str
    start_ns: int
    end_ns: int
    prompt_tokens: int
    output_tokens: int
    content: Content
    is_estimated: bool


class ToolRun(NamedTuple):
    """A run of a tool; `call_id` is that of the tool call in the messages, empty if unknown."""

    name: str
    call_id: str
    start_ns: int
    end_ns: int


class AgentRun(NamedTuple):
    """A run of an agent or of a workflow."""

    end_ns: int


class Span(NamedTuple):
    """A span of one of the kinds that count, or of another (None)."""

    trace_id: str
    span_id: str
    parent_id: str
    what: Call | ToolRun | AgentRun | None


def read_span(span: Record) -> Span:
    """A span.

    Raises:
        TraceError: A field is missing or wrong; those of spans that do not count are not looked at.
    """
    trace_id, span_id = span.text(("trace_id", "traceId")), span.text(("span_id", "spanId"))
    parent = span.content.get("parent_span_id", span.content.get("parentSpanId"))
    parent_id = parent if isinstance(parent, str) and parent != _NO_SPAN else ""
    attributes = Record(span.path, span.line, _attributes(span), f"{span.place}attributes.")
    make = _kind(span, attributes)
    return Span(trace_id, span_id, parent_id, make(span, attributes, span_id, parent_id) if make else None)


def _kind(span: Record, attributes: Record) -> Callable[[Record, Record, str, str], Call | ToolRun | AgentRun] | None:
    name = span.content.get("name")
    begun = name.split(" ", 1)[0] if isinstance(name, str) else ""
    kinds = (attributes.content.get("gen_ai.operation.name"), begun)
    if "chat" in kinds and ("gen_ai.input.messages" in attributes or any(field in attributes for field in _PROMPT)):
        return _call
    if "execute_tool" in kinds:
        return _tool_run
    if "invoke_agent" in kinds or "invoke_workflow" in kinds:
        return lambda span, attributes, span_id, parent_id: AgentRun(_times_ns(span)[1])
    return None


def _call(span: Record, attributes: Record, span_id: str, parent_id: str) -> Call:
    start_ns, end_ns = _times_ns(span)
    content = read_content(attributes)
    prompt_tokens, no_prompt = _tokens(attributes, _PROMPT, 1, sum(part.chars for part in content.prompt))
    output_tokens, no_output = _tokens(attributes, _OUTPUT, 0, sum(part.chars for part in content.answer))
    return Call(
        span_id,
        parent_id,
        attributes.text(_SESSION, ""),
        start_ns,
        end_ns,
        prompt_tokens,
        output_tokens,
        content,
        no_prompt or no_output,
    )


def _tokens(attributes: Record, names: tuple[str, ...], minimum: int, chars: int) -> tuple[int, bool]:
    """A count of tokens, and whether it is only estimated from characters, as where a failed call counts none."""
    found = attributes.tokens(names) if any(name in attributes for name in names) else -1
    return (found, False) if found >= minimum else (estimated_tokens(chars), True)


def _tool_run(span: Record, attributes: Record, span_id: str, parent_id: str) -> ToolRun:
    name = span.content.get("name")
    named = name.split(" ", 1)[1] if isinstance(name, str) and " " in name else "tool"
    tool = attributes.text("gen_ai.tool.name", named) or "tool"
    return ToolRun(tool, attributes.text(_TOOL_CALL, ""), *_times_ns(span))


def _times_ns(span: Record) -> tuple[int, int]:
    start_ns, end_ns = _time_ns(span, _START), _time_ns(span, _END)
    if end_ns < start_ns:
        name = next(name for name in _END if name in span)
        raise span.error(name, f"is {shown(span.content[name])}, before the span's start; allowed: at or after it")
    return start_ns, end_ns


def _time_ns(span: Record, names: tuple[str, str]) -> int:
    """Nanoseconds since 1970, from ISO 8601 (UTC if it has no zone) or from a number of them, written as a string."""
    iso, nano = names
    if iso not in span:
        if nano not in span:
            raise span.error(iso, f"is missing (also looked for {nano})")
        value = span.content[nano]
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 25:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LATEST_NS:
            raise span.error(nano, f"is {shown(value)}; allowed: nanoseconds since 1970")
        return value
    return iso_ns(span, iso)


def _attributes(span: Record) -> dict[str, Any]:
    """The attributes as an object, whatever they are written as."""
    value = span.content.get("attributes")
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise span.error("attributes", f"is not JSON ({error}); allowed: an object") from error
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise span.error("attributes", f"is {shown(value)}; allowed: an object, or a list of keys and values")
    return {str(item.get("key")): _plain(item.get("value")) for item in value}


def _plain(value: Any) -> Any:
    """The value of an attribute of OTLP, whose integers are strings."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, inner),) = value.items()
    if kind == "intValue" and isinstance(inner, str) and inner.removeprefix("-").isdecimal() and len(inner) < 25:
        return int(inner)
    if kind == "arrayValue" and isinstance(inner, dict) and isinstance(inner.get("values"), list):
        return [_plain(item) for item in inner["values"]]
    if kind == "kvlistValue" and isinstance(inner, dict) and isinstance(inner.get("values"), list):
        return {str(item.get("key")): _plain(item.get("value")) for item in inner["values"] if isinstance(item, dict)}
    return inner
