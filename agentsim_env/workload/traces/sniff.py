"""The beginning of a trace, for finding out its format."""

import csv
import re
from pathlib import Path
from typing import NamedTuple

from agentsim_env.workload.traces.errors import TraceError
from agentsim_env.workload.traces.magic import PARQUET
from agentsim_env.workload.traces.opening import PACKED_SUFFIXES, TraceFile, files_ending_in, folders_inside, is_folder

SUFFIXES = tuple(name + end for name in (".json", ".jsonl", ".csv", ".parquet") for end in PACKED_SUFFIXES)
"""Ends of the names of files in a folder that may be traces."""

_BLANK = b"\xef\xbb\xbf \t\r\n"
_LONGEST_HEADER = 10_000
_READ_IN_PARTS = ("resourceSpans", "spans")  # fields of documents that may be too long for memory, and tell the format
_TOKEN = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"(\s*:)?|[\[\]{}]', re.DOTALL)


class Sample(NamedTuple):
    """The first line of a trace.

    Attributes:
        keys: Names of the JSON fields of its object; of the first one in an array.
        columns: Lower-case names of its CSV columns; empty if it is JSON.
        text: The line.
        nested: Names of JSON fields deeper in it.
        is_parquet: Whether it is Parquet, of which nothing else is known here.
    """

    keys: frozenset[str]
    columns: tuple[str, ...]
    text: str
    nested: frozenset[str] = frozenset()
    is_parquet: bool = False


def sniff(path: Path) -> Sample:
    """Looks into a file, or into the first file of a folder.

    Raises:
        TraceError: No such file, or one that is neither text nor Parquet.
    """
    if is_folder(path):
        inside = files_ending_in(path, SUFFIXES)
        if not inside:
            endings = ", ".join(SUFFIXES)
            problem = f"is a folder without a trace; allowed: files ending in {endings}"
            deeper = " (those in folders inside it are not read)" if folders_inside(path) else ""
            raise TraceError(path, 0, "", problem + deeper)
        path = inside[0]
    file = TraceFile(path)
    head = file.beginning()
    if head == PARQUET:
        return Sample(frozenset(), (), "", is_parquet=True)
    if head.lstrip(_BLANK).startswith(b"{") and b"\n" not in head and not _is_read_in_parts(head):
        head = next(file.lines())[1]  # the fields that tell the format may come after a long list
    text = head.decode("utf-8", errors="replace").lstrip("\ufeff \t\r\n")
    if text.startswith(("{", "[")):
        first = text if text[1:].lstrip(" \t").startswith(("\r", "\n")) else text.split("\n", 1)[0]
        keys, nested = _fields(first.lstrip("[ \t\r\n"))
        return Sample(keys, (), first, nested)
    first = text.split("\n", 1)[0].rstrip("\r")
    if len(first) > _LONGEST_HEADER:
        problem = f"begins with a line of more than {_LONGEST_HEADER:,} characters, which is neither JSON nor a header"
        raise TraceError(path, 1, "", f"{problem} of CSV: no known trace format begins so")
    return Sample(frozenset(), columns_of(path, first), first)


def _is_read_in_parts(head: bytes) -> bool:
    keys, _ = _fields(head.decode("utf-8", errors="replace"))
    return not keys.isdisjoint(_READ_IN_PARTS)


def columns_of(path: Path, header: str) -> tuple[str, ...]:
    """The lower-case names of the columns of a CSV file, from its first line.

    Raises:
        TraceError: A line that is not CSV.
    """
    try:
        row = next(csv.reader([header], strict=True), [])
    except csv.Error as error:
        raise TraceError(path, 1, "", f"is no header of CSV ({error}): is a quote not closed?") from error
    return tuple(name.strip().lower() for name in row)


def _fields(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the fields of a JSON object, which may be cut off, and of those deeper in it."""
    keys, nested, depth = set[str](), set[str](), 0
    for token in _TOKEN.finditer(text):
        if token[1] is None:
            depth += 1 if token[0] in "[{" else -1
        elif token[2]:
            (keys if depth == 1 else nested).add(token[1])
    return frozenset(keys), frozenset(nested)
