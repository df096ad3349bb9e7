"""Files, lines and records of a trace."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar, cast

from agentsim_env.workload.traces.errors import Problems, TraceError
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.json_ids import load_json

_T = TypeVar("_T")
_GZIP = b"\x1f\x8b"


def trace_files(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files of a trace: `path` itself, or the files of a folder with one of `suffixes` (`.gz` may follow).

    Raises:
        TraceError: No such file, or nothing to read in the folder.
    """
    if path.is_dir():
        names = tuple(s + end for s in suffixes for end in ("", ".gz"))
        found = sorted(p for p in path.iterdir() if p.is_file() and p.name.endswith(names))
        if not found:
            raise TraceError(path, 0, "", f"no trace in this folder; allowed: files ending in {', '.join(names)}")
        return found
    if not path.is_file():
        raise TraceError(path, 0, "", "no such file or folder")
    return [path]


def read_bytes(path: Path, limit: int = -1) -> bytes:
    """Content of a file, unpacked if it is gzip; at most `limit` bytes unless negative.

    Raises:
        TraceError: Damaged gzip.
    """
    with _opened(path) as file:
        return file.read(limit)


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbers (from 1) and contents of the lines that are not blank.

    Raises:
        TraceError: Damaged gzip.
    """
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            if not line.isspace():
                yield number, line


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """A file, unpacked while it is read if it is gzip."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        if not packed:
            yield file
            return
        try:
            with gzip.open(file) as unpacked:
                yield cast(IO[bytes], unpacked)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise TraceError(path, 0, "", f"damaged gzip file ({error})") from error


def parse(path: Path, line: int, raw: bytes) -> Record:
    """A JSON object as a record.

    Args:
        path: File it comes from.
        line: Its line, 0 if it is the whole file.
        raw: Its text.

    Raises:
        TraceError: Not a JSON object.
    """
    try:
        content = load_json(raw.rstrip())
    except json.JSONDecodeError as error:
        raise TraceError(path, line or error.lineno, "", f"not JSON ({error.msg}, column {error.colno})") from error
    except (ValueError, RecursionError) as error:
        raise TraceError(path, line, "", f"not readable ({error})") from error
    if not isinstance(content, dict):
        raise TraceError(path, line, "", f"is a {type(content).__name__}; allowed: a JSON object")
    return Record(path, line, content)


def read_records(files: Iterable[Path], problems: Problems, convert: Callable[[Record], _T]) -> Iterator[_T]:
    """Converted lines of JSONL files; what is no JSON object, or makes `convert` raise, goes to `problems`."""
    for file in files:
        for number, raw in read_lines(file):
            problems.lines += 1
            try:
                item = convert(parse(file, number, raw))
            except TraceError as error:
                problems.add(error)
            else:
                yield item
