"""The beginning of a trace, for finding out its format."""

import csv
import io
import re
from pathlib import Path
from typing import NamedTuple

from agentsim_env.workload.traces.lines import read_bytes

_ENOUGH_BYTES = 1 << 20  # a first line may start with a long list of ids
_KEY = re.compile(r'"(\w+)"\s*:')


class Sample(NamedTuple):
    """The first line of a trace.

    Attributes:
        keys: Names of JSON fields in it, at any depth.
        columns: Lower-case names of its CSV columns; empty if it is JSON.
        text: The line.
    """

    keys: frozenset[str]
    columns: tuple[str, ...]
    text: str


def sniff(path: Path) -> Sample:
    """Looks into a file, or into the first file of a folder.

    Raises:
        TraceError: Damaged gzip.
        OSError: No such file.
    """
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
        path = next((p for p in files if re.search(r"\.(json|jsonl|csv)(\.gz)?$", p.name)), path)
        if path.is_dir():
            return Sample(frozenset(), (), "")
    text = read_bytes(path, _ENOUGH_BYTES).decode("utf-8", errors="replace").lstrip("\ufeff \t\r\n")
    if text.startswith(("{", "[")):
        first = text if text[1:].lstrip(" \t").startswith(("\r", "\n")) else text.split("\n", 1)[0]
        return Sample(frozenset(_KEY.findall(first)), (), first)
    first = text.split("\n", 1)[0].rstrip("\r")
    row = next(csv.reader(io.StringIO(first)), [])
    return Sample(frozenset(), tuple(name.strip().lower() for name in row), first)
