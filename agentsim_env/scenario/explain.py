"""Turns what pydantic found wrong into lines that name file, field, value and what is allowed."""

import difflib
import re
import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from agentsim_env.errors import shown
from agentsim_env.fields.base import Because
from agentsim_env.fields.problems import NOT_KNOWN
from agentsim_env.scenario import registries
from agentsim_env.scenario.arrivals import Arrivals
from agentsim_env.scenario.errors import shorten, suggestion
from agentsim_env.scenario.layers import DISCRIMINATOR, Layer, child
from agentsim_env.scenario.schema import Scenario

MOST_PROBLEMS = 20
"""Problems that an error names."""

_NO_VALUE = object()


def explain(error: ValidationError, data: Any, layers: Sequence[Layer]) -> str:
    """One line for each problem, as far as anybody reads them.

    Args:
        error: What the schema found.
        data: The merged values that were validated.
        layers: Where they came from, the lowest first; the file that was asked for is the last one with a node.
    """
    found = error.errors(include_url=False)
    problems = [details for details in found if not _follows(details, found)]
    lines = [_line(details, data, layers) for details in problems[:MOST_PROBLEMS]]
    if len(problems) > MOST_PROBLEMS:
        lines.append(f"{where((), layers)}: and {len(problems) - MOST_PROBLEMS:,} more")
    return "\n".join(lines)


def _follows(details: ErrorDetails, problems: Sequence[ErrorDetails]) -> bool:
    """Whether a list only seems too short because pydantic left out the items that are wrong."""
    loc = details["loc"]
    return details["type"] == "too_short" and any(p["loc"][: len(loc)] == loc and p["loc"] != loc for p in problems)


def _line(details: ErrorDetails, data: Any, layers: Sequence[Layer]) -> str:
    path, value = _path(details["loc"], data), details["input"]
    kind = details["type"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        path = (*path, DISCRIMINATOR)
        value = details.get("ctx", {}).get("tag", _NO_VALUE)
    elif kind == "missing" or value is None:
        value = _NO_VALUE
    given = "" if value is _NO_VALUE else f" = {shorten(shown(value))}"
    field = ".".join(shorten(str(key)) for key in path) or "scenario"
    return f"{where(path, layers)}: {field}{given}: {_reason(details, path, data)}"


def _path(loc: Sequence[str | int], data: Any) -> tuple[str | int, ...]:
    """The path of the values: without the names that pydantic adds for members of a union and for keys."""
    path: list[str | int] = []
    for key in loc:
        is_tag = isinstance(data, dict) and key not in data and data.get(DISCRIMINATOR) == key
        if is_tag or key == "[key]":
            continue
        path.append(key)
        data = child(data, key)
    return tuple(path)


def where(path: Sequence[str | int], layers: Sequence[Layer]) -> str:
    """The layer that gives a value, with the line, or, where none does, what should contain it."""
    for length in range(len(path), 0, -1):
        giving = [layer for layer in layers if layer.has(path[:length])]
        if giving:
            return giving[-1].where(path)
    files = [layer for layer in layers if layer.node is not None] or list(layers)
    return files[-1].where(path)


def _reason(details: ErrorDetails, path: Sequence[str | int], data: Any) -> str:
    context = details.get("ctx", {})
    match details["type"]:
        case "extra_forbidden":
            model = _model_at(path[:-1], data)
            allowed = model.model_fields if model else ()
            return f"unknown field{_elsewhere(path)}{suggestion(path[-1], allowed)}"
        case "missing":
            return "required, but not given"
        case str(kind) if kind == NOT_KNOWN:
            return f"unknown {context['what']}{suggestion(context['name'], context['allowed'])}"
        case "literal_error":
            return f"not one of the allowed values{suggestion(details['input'], _quoted(context['expected']))}"
        case "union_tag_invalid":
            return f"not one of the allowed values{suggestion(context['tag'], _quoted(context['expected_tags']))}"
        case "union_tag_not_found":
            return f"required, but not given{_misspelt(details['input'])}{suggestion('', _processes())}"
        case "string_pattern_mismatch":
            return "must be one line of text without control characters"
        case "tuple_type":
            return "must be a list"
        case "less_than_equal" | "greater_than_equal" | "greater_than" as kind:
            bound = context["le" if kind == "less_than_equal" else "gt" if kind == "greater_than" else "ge"]
            relation = {"less_than_equal": "less than or equal to", "greater_than_equal": "greater than or equal to"}
            return f"must be {relation.get(kind, 'greater than')} {_number(bound)}{_why(kind, bound, path, data)}"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be a mapping"
        case _:
            return re.sub("^(Value error, )?((Input|Tuple|Dictionary|String) should)?", _must, details["msg"])


def _elsewhere(path: Sequence[str | int]) -> str:
    """Where a field belongs that stands at the top, if it is one of a part."""
    if len(path) > 1:
        return ""
    places = [
        f"{part}.{path[0]}"
        for part, field in Scenario.model_fields.items()
        if path[0] in getattr(field.annotation, "model_fields", {})
    ]
    return f"; did you mean {' or '.join(places)}?" if places else ""


def _number(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


def _why(kind: str, bound: float, path: Sequence[str | int], data: Any) -> str:
    """The reason that a kind of number has for a bound."""
    for reason in _reasons(declared(path, data)[0]):
        text = reason.upper if kind == "less_than_equal" else reason.lower
        return f": {text}" if text else ""
    return ""


def _reasons(annotation: Any) -> Iterator[Because]:
    for argument in get_args(annotation):
        if isinstance(argument, Because):
            yield argument
        else:
            yield from _reasons(argument)


def _must(start: re.Match[str]) -> str:
    return "must" if start[2] else ""


def _quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)


def _processes() -> list[str]:
    members = get_args(get_args(Arrivals)[0])
    return [name for member in members for name in _names(member)]


def _misspelt(given: Any) -> str:
    """What is written in the place of the discriminator, if something like it is."""
    written = difflib.get_close_matches(DISCRIMINATOR, map(str, given), n=1) if isinstance(given, dict) else ()
    return "".join(f"; {shorten(key)!r} is no field" for key in written)


def _model_at(path: Sequence[str | int], data: Any) -> type[BaseModel] | None:
    """The model of the part at `path`, None where the schema does not tell."""
    found = _member(*declared(path, data))
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def declared(path: Sequence[str | int], data: Any) -> tuple[Any, Any]:
    """What the schema declares at `path`, with the metadata of its kind, None where it does not tell; and the value."""
    annotation: Any = Scenario
    for key in path:
        above = data
        part, data = _member(annotation, above), child(above, key)
        if isinstance(part, type) and issubclass(part, BaseModel):
            field = part.model_fields.get(str(key))
            annotation = _annotation(field) if field else None
        else:
            annotation = next((a for a in reversed(get_args(part)) if a is not Ellipsis), None)
        family = above.get("family") if isinstance(above, dict) else None
        if _member(annotation, data) is BaseModel and isinstance(family, str) and family in registries.families():
            annotation = registries.families()[family].params
    return annotation, data


def _annotation(field: FieldInfo) -> Any:
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _member(annotation: Any, data: Any) -> Any:
    """The member of a union that the data chooses; anything else without its metadata."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    members = [_member(member, data) for member in get_args(annotation) if member is not type(None)]
    chosen = child(data, DISCRIMINATOR)
    for member in members:
        if chosen in _names(member):
            return member
    return members[0] if len(members) == 1 else None


def _names(member: Any) -> tuple[Any, ...]:
    """The values of the discriminator that choose a member of a union."""
    field = getattr(member, "model_fields", {}).get(DISCRIMINATOR)
    return get_args(field.annotation) if field else ()
