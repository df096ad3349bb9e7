"""Exported workloads as JSON lines."""

import gzip
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from agentsim_env.workload.programs import EDGE, PROGRAM, SEGMENT, TURN, Programs
from agentsim_env.workload.traces.errors import TraceError, shown
from agentsim_env.workload.traces.export.layout import (
    NUMBERED_REPORT,
    SEGMENT_FIELDS,
    Header,
    first_users,
    header_of,
    restore_reports,
    restore_segments,
)
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.lines import parse
from agentsim_env.workload.traces.opening import TraceFile

_MOST = 2**31 - 1
_MOST_SHORT = 2**15 - 1


def write_jsonl(programs: Programs, path: Path, packed: bool) -> None:
    """Writes a workload as JSON lines, with gzip if `packed`."""
    with path.open("wb") as file:
        if packed:
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as target:
                _write(programs, target)
        else:
            _write(programs, file)


def _write(programs: Programs, target: "IO[bytes] | gzip.GzipFile") -> None:
    for content in _lines(programs):
        target.write(json.dumps(content, allow_nan=False, separators=(",", ":")).encode() + b"\n")


def _lines(programs: Programs) -> Iterator[dict[str, Any]]:
    """The header, then the programs."""
    yield header_of(programs)
    edge_rows = zip(*(programs.edge[name].tolist() for name in ("target", "gap_s", "tool", "failures")), strict=True)
    edges = list(edge_rows)
    turns = programs.turn.tolist()
    user = first_users(programs)
    by_user = np.argsort(user, kind="stable")
    bounds = np.searchsorted(user[by_user], np.arange(len(programs.program) + 1))
    segments, reports = programs.segment.tolist(), _reports(programs)
    for at, row in enumerate(programs.program.tolist()):
        program = dict(zip(PROGRAM.names or (), row, strict=True))
        first = program["first_turn"]
        yield {
            "program": at,
            "arrival_s": program["arrival_s"],
            "deadline_s": None if program["deadline_s"] == math.inf else program["deadline_s"],
            "after": None if program["after"] < 0 else program["after"],
            "family": programs.families[program["family"]],
            "tenant": programs.tenants[program["tenant"]],
            **{name: program[name] for name in ("adapter", "society") if program[name] >= 0},
            "turns": [_turn(programs, turns[turn], first, edges) for turn in range(first, first + program["n_turns"])],
            "segments": [[int(i), *segments[i]] for i in by_user[bounds[at] : bounds[at + 1]]],
            **({"reports": reports[at]} if at in reports else {}),
        }


def _reports(programs: Programs) -> dict[int, list[dict[str, Any]]]:
    """What each program reports, with the place of each report among all."""
    reports: dict[int, list[dict[str, Any]]] = {}
    first = programs.program["first_turn"].tolist()
    for number, (announced, program, step, turn) in enumerate(programs.report.tolist()):
        made = {"step": step} if turn < 0 else {"turn": turn - first[program]}
        reports.setdefault(program, []).append({"id": number, "announced": announced, **made})
    return reports


def _turn(programs: Programs, row: tuple[Any, ...], first: int, edges: list[tuple[Any, ...]]) -> dict[str, Any]:
    turn = dict(zip(TURN.names or (), row, strict=True))
    content = {name: turn[name] for name in ("prompt_tokens", "new_tokens", "output_tokens", "segment")}
    if turn["step"] >= 0:
        content["step"] = turn["step"]
    if turn["n_edges"]:
        content["next"] = [
            {"turn": target - first, "gap_s": gap_s, "tool": programs.tools[tool].name}
            | ({"failures": failures} if failures else {})
            for target, gap_s, tool, failures in edges[turn["first_edge"] : turn["first_edge"] + turn["n_edges"]]
        ]
    return content


class _Tables:
    """Rows of the arrays that are read."""

    def __init__(self, header: Header) -> None:
        self.tool = {tool.name: at for at, tool in enumerate(header.tools)}
        self.family = {name: at for at, name in enumerate(header.families)}
        self.tenant = {name: at for at, name in enumerate(header.tenants)}
        self.program: list[tuple[Any, ...]] = []
        self.turn: list[list[Any]] = []
        self.edge: list[tuple[Any, ...]] = []
        self.segment: list[list[int]] = []
        self.report: list[tuple[int, float, int, int, int]] = []


def read_jsonl(file: TraceFile) -> Programs:
    """Reads a workload from JSON lines, packed or not.

    Raises:
        TraceError: Broken content, with its line.
    """
    path, lines = file.path, file.lines()
    first = next(lines, None)
    if first is None:
        raise TraceError(path, 0, "", "has blank lines only; allowed: a header line and programs")
    header = Header(path, parse(path, *first).content)
    tables = _Tables(header)
    for number, raw in lines:
        _read_program(parse(path, number, raw), tables)
    turn = np.array([tuple(row) for row in tables.turn], dtype=TURN)
    edge = np.array(tables.edge, dtype=EDGE)
    turn["n_parents"] = np.bincount(edge["target"], minlength=len(turn))
    rows = np.array(tables.segment, dtype=np.int64).reshape(-1, len(SEGMENT_FIELDS))
    programs = Programs(
        np.array(tables.program, dtype=PROGRAM),
        turn,
        edge,
        restore_segments(path, rows, SEGMENT),
        header.block_size,
        header.tools,
        header.families,
        header.tenants,
        restore_reports(path, np.array(tables.report, dtype=NUMBERED_REPORT)),
        header.step_s,
    )
    header.check_sizes(path, programs)
    return programs


def _read_program(record: Record, tables: _Tables) -> None:
    record.whole("program", len(tables.program), len(tables.program))
    turns = record.records("turns")
    first = len(tables.turn)
    tables.program.append(
        (
            record.number("arrival_s"),
            record.number("deadline_s", math.inf),
            record.whole("after", 0, _MOST, -1),
            first,
            len(turns),
            tables.family[record.choice("family", tuple(tables.family))],
            tables.tenant[record.choice("tenant", tuple(tables.tenant))],
            record.whole("adapter", 0, _MOST, -1),
            record.whole("society", 0, _MOST, -1),
        )
    )
    for at, turn in enumerate(turns):
        waits = turn.records("next", [])
        tables.turn.append(
            [
                len(tables.program) - 1,
                turn.whole("segment", 0, _MOST),
                turn.tokens("prompt_tokens", 1),
                turn.tokens("new_tokens", 1),
                turn.tokens("output_tokens", 1),
                len(tables.edge),
                len(waits),
                0,
                turn.whole("step", 0, _MOST, -1),
            ]
        )
        for wait in waits:
            target = first + wait.whole("turn", at + 1, len(turns) - 1)
            tool = tables.tool[wait.choice("tool", tuple(tables.tool))]
            gap_s = wait.number("gap_s", minimum=0.0)
            tables.edge.append((gap_s, target, tool, wait.whole("failures", 0, _MOST_SHORT, 0)))
    for at, row in enumerate(record.items("segments", [])):
        if not isinstance(row, list) or len(row) != len(SEGMENT_FIELDS) or not all(map(_is_short, row)):
            raise record.error(f"segments[{at}]", f"is {shown(row)}; allowed: integers {', '.join(SEGMENT_FIELDS)}")
        tables.segment.append(row)
    for report in record.records("reports", []):
        turn = report.whole("turn", 0, len(turns) - 1, -1)
        made = (report.whole("step", 0, _MOST, -1), turn if turn < 0 else first + turn)
        announced = report.number("announced", minimum=0.0)
        tables.report.append((report.whole("id", 0, _MOST), announced, len(tables.program) - 1, *made))


def _is_short(value: object) -> bool:
    """Whether a value is a whole number that a column of segments can hold."""
    return type(value) is int and -1 <= value <= _MOST
