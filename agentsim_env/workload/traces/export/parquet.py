"""Exported workloads as Parquet: a row a program, its turns, edges and segments as lists."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agentsim_env.workload.programs import EDGE, PROGRAM, SEGMENT, TURN, Programs, new_programs, new_turns
from agentsim_env.workload.traces.errors import TraceError
from agentsim_env.workload.traces.export.layout import (
    FORMAT,
    NUMBERED_REPORT,
    SEGMENT_FIELDS,
    Header,
    first_users,
    has_more,
    header_of,
    restore_reports,
    restore_segments,
)
from agentsim_env.workload.traces.lines import parse
from agentsim_env.workload.traces.opening import TraceFile

if TYPE_CHECKING:
    import pyarrow as pa

_PROGRAM = ("arrival_s", "deadline_s", "after")
_TURN = ("segment", "prompt_tokens", "new_tokens", "output_tokens")
_MORE_OF_PROGRAM = ("adapter", "society")
_MORE_OF_TURN = ("step",)
_REPORT = ("id", "announced", "step", "turn")
_EDGE = ("source", "target", "gap_s", "tool", "failures")
_CELL_BYTES = 8
_KEY = FORMAT.encode()


def write_parquet(programs: Programs, path: Path) -> None:
    """Writes a workload as Parquet; turns of `edges` count from the first of their program."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    program, turn, edge = programs.program, programs.turn, programs.edge
    n_turns = program["n_turns"].astype(np.int64)
    source = np.repeat(np.arange(len(turn)), turn["n_edges"])
    owner = turn["program"][source]
    first = program["first_turn"][owner]
    user = first_users(programs)
    order = np.argsort(user, kind="stable")
    more = has_more(programs)
    program_names = _PROGRAM + (_MORE_OF_PROGRAM if more else ())
    turn_names = _TURN + (_MORE_OF_TURN if more else ())
    columns: dict[str, Any] = {name: pa.array(program[name]) for name in program_names}
    columns["family"] = _named(pa, program["family"], programs.families)
    columns["tenant"] = _named(pa, program["tenant"], programs.tenants)
    columns["turns"] = _lists(pa, n_turns, {name: pa.array(turn[name]) for name in turn_names})
    columns["edges"] = _lists(
        pa,
        np.bincount(owner, minlength=len(program)),
        {
            "source": pa.array((source - first).astype(np.int32)),
            "target": pa.array((edge["target"] - first).astype(np.int32)),
            "gap_s": pa.array(edge["gap_s"]),
            "tool": _named(pa, edge["tool"], tuple(tool.name for tool in programs.tools)),
            "failures": pa.array(edge["failures"]),
        },
    )
    columns["segments"] = _lists(
        pa,
        np.bincount(user, minlength=len(program)),
        {"id": pa.array(order.astype(np.int32))}
        | {name: pa.array(programs.segment[name][order]) for name in SEGMENT_FIELDS[1:]},
    )
    if more:
        columns["reports"] = _lists(pa, *_reports(pa, programs))
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(header_of(programs)).encode()})
    pq.write_table(table, path)


def _reports(pa: Any, programs: Programs) -> tuple[np.ndarray, "dict[str, pa.Array]"]:
    """Reports of each program, and their columns; turns count from the first of their program."""
    order = np.argsort(programs.report["program"], kind="stable")
    report = programs.report[order]
    first = programs.program["first_turn"][report["program"]]
    columns = {
        "id": order.astype(np.int32),
        "announced": report["announced"],
        "step": report["step"],
        "turn": np.where(report["turn"] >= 0, report["turn"] - first, -1).astype(np.int32),
    }
    n_reports = np.bincount(report["program"], minlength=len(programs.program))
    return n_reports, {name: pa.array(np.ascontiguousarray(column)) for name, column in columns.items()}


def _named(pa: Any, index: np.ndarray, names: tuple[str, ...]) -> "pa.Array":
    """Names instead of indices."""
    if not len(index):
        return pa.array([], type=pa.string())
    return pa.array(np.array(names, dtype=object)[index], type=pa.string())


def _lists(pa: Any, lengths: np.ndarray, fields: "dict[str, pa.Array]") -> "pa.Array":
    """One list of records a program."""
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(list(fields.values()), list(fields)))


def read_parquet(file: TraceFile) -> Programs:
    """Reads a workload from Parquet.

    Raises:
        TraceError: Broken content, or more than may be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = file.path
    try:
        # Its own metadata first: a short file can unfold to far more than fits into memory.
        known = pq.read_metadata(path)
        file.take_rows(sum(known.row_group(group).total_byte_size for group in range(known.num_row_groups)))
        file.take_rows(_CELL_BYTES * sum(_values(known.row_group(group)) for group in range(known.num_row_groups)))
        header = _header(path, known)
        table = pq.read_table(path)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        if isinstance(error, TraceError):
            raise
        raise TraceError(path, 0, "", f"damaged or not Parquet ({_one_line(error)})") from error
    try:
        programs = _restore(path, table, header)
    except (LookupError, ValueError, TypeError, AttributeError, OverflowError, pa.ArrowException) as error:
        if isinstance(error, TraceError):
            raise
        raise TraceError(path, 0, "", f"a column or name does not fit the header ({_one_line(error)})") from error
    header.check_sizes(path, programs)
    return programs


def _values(group: Any) -> int:
    return sum(group.column(column).num_values for column in range(group.num_columns))


def _header(path: Path, known: Any) -> Header:
    content = (known.metadata or {}).get(_KEY)
    if content is None:
        columns = ", ".join(known.schema.to_arrow_schema().names[:12])
        problem = f"is no exported workload: its schema has no header, its columns are {columns}"
        raise TraceError(path, 0, "", f"{problem}; no other Parquet is read")
    return Header(path, parse(path, 0, content).content)


def _one_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:200]


def _restore(path: Path, table: "pa.Table", header: Header) -> Programs:
    program = new_programs(len(table))
    for name in _PROGRAM + (_MORE_OF_PROGRAM if header.has_more else ()):
        program[name] = _fitting(path, name, table[name].to_numpy(), PROGRAM[name])
    program["family"] = _indices(table["family"].to_pylist(), header.families)
    program["tenant"] = _indices(table["tenant"].to_pylist(), header.tenants)
    turn_names = _TURN + (_MORE_OF_TURN if header.has_more else ())
    n_turns, turns = _rows(table, "turns", turn_names)
    program["n_turns"] = n_turns
    program["first_turn"] = np.cumsum(n_turns) - n_turns
    turn = new_turns(len(turns["segment"]))
    turn["program"] = np.repeat(np.arange(len(program)), n_turns)
    for name in turn_names:
        turn[name] = _fitting(path, name, turns[name], TURN[name])
    n_edges, edges = _rows(table, "edges", _EDGE)
    first = np.repeat(program["first_turn"], n_edges)
    edge = np.zeros(len(edges["gap_s"]), dtype=EDGE)
    for name in ("gap_s", "failures"):
        edge[name] = _fitting(path, name, edges[name], EDGE[name])
    edge["target"] = _fitting(path, "target", edges["target"] + first, EDGE["target"])
    edge["tool"] = _indices(edges["tool"].tolist(), tuple(tool.name for tool in header.tools))
    source = _fitting(path, "source", edges["source"] + first, EDGE["target"])
    ends = np.concatenate((source, edge["target"]))
    if ends.min(initial=0) < 0 or ends.max(initial=-1) >= len(turn):
        raise TraceError(path, 0, "edges", f"lead out of the {len(turn)} turns")
    if (np.diff(source) < 0).any():
        raise TraceError(path, 0, "edges", "are not in the order of their sources")
    turn["n_edges"] = np.bincount(source, minlength=len(turn))
    turn["first_edge"] = np.cumsum(turn["n_edges"], dtype=np.int64) - turn["n_edges"]
    turn["n_parents"] = np.bincount(edge["target"], minlength=len(turn))
    segments = _rows(table, "segments", SEGMENT_FIELDS)[1]
    rows = np.stack([_fitting(path, name, segments[name], np.dtype(np.int32)) for name in SEGMENT_FIELDS], axis=1)
    segment = restore_segments(path, rows, SEGMENT)
    report = _restore_reports(path, table, program) if header.has_more else restore_reports(path, _NO_REPORTS)
    names = (header.tools, header.families, header.tenants)
    return Programs(program, turn, edge, segment, header.block_size, *names, report, header.step_s)


_NO_REPORTS = np.zeros(0, NUMBERED_REPORT)


def _restore_reports(path: Path, table: "pa.Table", program: np.ndarray) -> np.ndarray:
    n_reports, columns = _rows(table, "reports", _REPORT)
    rows = np.zeros(len(columns["id"]), NUMBERED_REPORT)
    for name in _REPORT:
        rows[name] = _fitting(path, name, columns[name], NUMBERED_REPORT[name])
    rows["program"] = np.repeat(np.arange(len(program)), n_reports)
    after = rows["turn"] >= 0
    beyond = after & (rows["turn"] >= program["n_turns"][rows["program"]])
    if beyond.any():
        raise TraceError(path, 0, "reports", "are made after turns that their programs do not have")
    rows["turn"][after] += program["first_turn"][rows["program"][after]]
    return restore_reports(path, rows)


def _fitting(path: Path, name: str, values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values of a column as they are kept.

    Raises:
        TraceError: Not all of them can be: they are too large, fractions, or missing.
    """
    with np.errstate(invalid="ignore"):
        kept = values.astype(dtype)
    if not np.array_equal(kept, values, equal_nan=values.dtype.kind == "f"):
        raise TraceError(path, 0, name, f"holds what is no {dtype}; allowed: a column as exported")
    return kept


def _rows(table: "pa.Table", name: str, fields: tuple[str, ...]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Lengths of a column of lists, and the fields of all records in them."""
    column = table[name].combine_chunks()
    lengths = column.value_lengths().to_numpy()
    records = column.flatten()
    return lengths, {field: records.field(field).to_numpy(zero_copy_only=False) for field in fields}


def _indices(names: list[str], known: tuple[str, ...]) -> np.ndarray:
    index = {name: at for at, name in enumerate(known)}
    return np.array([index[name] for name in names], dtype=np.int64)
