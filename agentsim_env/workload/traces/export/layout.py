"""What both files of an exported workload have in common: the header, and whose line a segment is on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agentsim_env.workload.programs import REPORT, Programs, Tool
from agentsim_env.workload.traces.errors import TraceError, shown
from agentsim_env.workload.traces.fields import Record

FORMAT = "agentsim_env.programs"
VERSION = 2
"""Of files with adapters, societies, steps or reports; others are as they were in version 1, and say so."""

_MOST_NAMES = 2**15 - 1
NUMBERED_REPORT = np.dtype([("id", "i4"), *((name, REPORT[name].str) for name in REPORT.names or ())])
"""A report with its place among all reports, which stand with their programs."""

SEGMENT_FIELDS = ("id", "parent", "start_block", "n_blocks")


def header_of(programs: Programs) -> dict[str, Any]:
    """What is not on the line of a program."""
    return {
        "format": FORMAT,
        "version": VERSION if has_more(programs) else 1,
        "block_size": programs.block_size,
        "programs": len(programs.program),
        "turns": len(programs.turn),
        "edges": len(programs.edge),
        "segments": len(programs.segment),
        "segment_fields": SEGMENT_FIELDS,
        "tools": [tool._asdict() for tool in programs.tools],
        "families": programs.families,
        "tenants": programs.tenants,
    } | ({"step_s": programs.step_s, "reports": len(programs.report)} if has_more(programs) else {})


def has_more(programs: Programs) -> bool:
    """Whether a workload has what version 1 could not say."""
    program = programs.program
    return bool(programs.step_s or len(programs.report) or (program["adapter"] >= 0).any())


class Header:
    """A header that was read.

    Attributes:
        sizes: Number of programs, turns, edges and segments.
        block_size: Tokens in a KV block.
        tools: Tools.
        families: Names of families.
        tenants: Names of tenants.
        step_s: Least length of a step of each society.
        has_more: Whether there are columns that version 1 has not.
    """

    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        """Checks and takes over `content`.

        Raises:
            TraceError: No header of an exported workload, or one of another version.
        """
        record = Record(path, 1, content)
        record.choice("format", (FORMAT,))
        if content.get("version") not in (1, VERSION):
            raise record.error("version", f"is {shown(content.get('version'))}; allowed: 1, {VERSION}")
        self.has_more = content["version"] == VERSION
        sizes = ("programs", "turns", "edges", "segments", *(["reports"] if self.has_more else []))
        self.sizes = {name: record.whole(name, 0, 2**31 - 1) for name in sizes}
        self.block_size = record.whole("block_size", 1, 2**31 - 1)
        self.tools = tuple(
            Tool(tool.text("name"), tool.whole("concurrency", 0, 2**31 - 1, 0), tool.number("backoff_s", 0.0, 0.0))
            for tool in record.records("tools")
        )
        self.families = _names(record, "families")
        self.tenants = _names(record, "tenants")
        self.step_s = _step_lengths(record) if self.has_more else ()

    def check_sizes(self, path: Path, programs: Programs) -> None:
        """Compares with what was read.

        Raises:
            TraceError: Lines are missing, or there are too many.
        """
        for name, size in self.sizes.items():
            found = len(getattr(programs, name.removesuffix("s")))
            if found != size:
                raise TraceError(path, 0, name, f"the header promises {size}, the file has {found}: it is not whole")


def _step_lengths(record: Record) -> tuple[float, ...]:
    lengths = record.content.get("step_s")
    if not isinstance(lengths, list) or not all(type(length) in (int, float) for length in lengths):
        raise record.error("step_s", f"is {shown(lengths)}; allowed: a list of seconds")
    return tuple(float(length) for length in lengths)


def _names(record: Record, field: str) -> tuple[str, ...]:
    names = record.content.get(field)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise record.error(field, f"is {shown(names)}; allowed: a list of strings")
    if len(names) > _MOST_NAMES:
        raise record.error(field, f"has {len(names):,} names; allowed: at most {_MOST_NAMES:,}")
    return tuple(names)


def first_users(programs: Programs) -> np.ndarray:
    """The first program that uses each segment; the last program for segments that none uses.

    Raises:
        ValueError: There are segments, but no programs.
    """
    n = len(programs.program)
    if n == 0 and len(programs.segment):
        raise ValueError("a workload with segments but without programs cannot be written")
    user = np.full(len(programs.segment), n - 1, dtype=np.int64)
    np.minimum.at(user, programs.turn["segment"], programs.turn["program"])
    owners, parents = user.tolist(), programs.segment["parent"].tolist()
    for segment in range(len(owners) - 1, -1, -1):
        parent = parents[segment]
        if parent >= 0 and owners[segment] < owners[parent]:
            owners[parent] = owners[segment]
    return np.array(owners, dtype=np.int64)


def restore_segments(path: Path, rows: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Segments in the order of their ids.

    Args:
        path: File, for errors.
        rows: Integer array of shape (segments, 4): `SEGMENT_FIELDS`.
        dtype: `SEGMENT`.

    Raises:
        TraceError: An id is missing or used twice.
    """
    order = np.argsort(rows[:, 0], kind="stable")
    if not np.array_equal(rows[order, 0], np.arange(len(rows))):
        raise TraceError(path, 0, "segments", f"the ids are not 0 to {len(rows) - 1}, each once")
    segment = np.zeros(len(rows), dtype=dtype)
    for column, name in enumerate(SEGMENT_FIELDS[1:], 1):
        segment[name] = rows[order, column]
    return segment


def restore_reports(path: Path, rows: np.ndarray) -> np.ndarray:
    """`REPORT` array in the order of the ids.

    Args:
        path: File, for errors.
        rows: `NUMBERED_REPORT` array.

    Raises:
        TraceError: An id is missing or used twice.
    """
    rows = rows[np.argsort(rows["id"], kind="stable")]
    if not np.array_equal(rows["id"], np.arange(len(rows))):
        raise TraceError(path, 0, "reports", f"the ids are not 0 to {len(rows) - 1}, each once")
    report = np.zeros(len(rows), dtype=REPORT)
    for name in REPORT.names or ():
        report[name] = rows[name]
    return report
