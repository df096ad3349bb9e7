"""Records of a trace: its lines as JSON objects."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from agentsim_env.workload.traces.errors import Problems, TraceError
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.json_ids import load_json
from agentsim_env.workload.traces.opening import TraceFile

_T = TypeVar("_T")


def parse(path: Path, line: int, raw: bytes) -> Record:
    """A JSON object as a record.

    Args:
        path: File it comes from.
        line: Its line, 0 if it is the whole file.
        raw: Its text.

    Raises:
        TraceError: Not a JSON object.
    """
    raw = raw.rstrip()
    try:
        content = load_json(raw)
    except json.JSONDecodeError as error:
        raise TraceError(path, line or error.lineno, "", _not_json(raw, line, error)) from error
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 text (byte {error.object[error.start]:#04x} at {error.start}); see iconv"
        raise TraceError(path, line, "", problem) from error
    except (ValueError, RecursionError) as error:
        raise TraceError(path, line, "", f"not readable ({error})") from error
    if not isinstance(content, dict):
        raise TraceError(path, line, "", f"is a {type(content).__name__}; allowed: a JSON object")
    return Record(path, line, content)


def _not_json(raw: bytes, line: int, error: json.JSONDecodeError) -> str:
    problem = f"not JSON ({error.msg}, column {error.colno})"
    if line == 1 and raw.lstrip() in (b"{", b"["):
        problem += "; a document over several lines; allowed: one JSON object a line, as from jq -c"
    return problem


def read_records(files: Iterable[TraceFile], problems: Problems, convert: Callable[[Record], _T]) -> Iterator[_T]:
    """Converted lines of JSONL files; what is no JSON object, or makes `convert` raise, goes to `problems`."""
    for file in files:
        for number, raw in file.lines():
            problems.lines += 1
            try:
                item = convert(parse(file.path, number, raw))
            except TraceError as error:
                problems.add(error)
            else:
                yield item
