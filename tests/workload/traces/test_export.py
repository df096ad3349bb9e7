import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim_env.workload.programs import EDGE, PROGRAM, REPORT, SEGMENT, TURN, Programs, Tool, new_programs, new_turns
from agentsim_env.workload.traces import TraceError, UnforeseenError, read_trace
from agentsim_env.workload.traces.cut import cut_programs
from agentsim_env.workload.traces.export import SUFFIXES, read_programs, write_programs
from agentsim_env.workload.traces.subset import take_programs
from agentsim_env.workload.validation import InvalidProgramsError, validate


def workload(n: int = 30, seed: int = 0) -> Programs:
    """Programs with branches, joins, failures, deadlines, closed loops, and a segment that nobody uses."""
    rng = np.random.default_rng(seed)
    program, turn, edge = new_programs(n), new_turns(4 * n), np.zeros(4 * n, EDGE)
    program["arrival_s"] = np.sort(rng.exponential(7.0, n))
    program["deadline_s"] = np.where(rng.random(n) < 0.5, np.inf, rng.random(n) * 1e3)
    program["after"] = np.where(np.arange(n) % 5 == 4, np.arange(n) - 1, -1)
    program["n_turns"], program["first_turn"] = 4, 4 * np.arange(n)
    program["family"], program["tenant"] = rng.integers(0, 2, n), rng.integers(0, 3, n)
    turn["program"] = np.repeat(np.arange(n), 4)
    turn["prompt_tokens"] = np.tile([100, 150, 130, 200], n)
    turn["new_tokens"] = rng.integers(1, 100, 4 * n)
    turn["output_tokens"] = rng.integers(1, 40, 4 * n)
    turn["n_edges"] = np.tile([2, 1, 1, 0], n)
    turn["n_parents"] = np.tile([0, 1, 1, 2], n)
    turn["first_edge"] = np.cumsum(turn["n_edges"]) - turn["n_edges"]
    edge["target"] = np.concatenate([4 * i + np.array([1, 2, 3, 3]) for i in range(n)])
    edge["gap_s"] = rng.exponential(3.0, 4 * n)
    edge["tool"], edge["failures"] = rng.integers(0, 2, 4 * n), rng.integers(0, 3, 4 * n)
    segment = np.zeros(2 * n + 2, SEGMENT)
    segment["parent"] = [-1, 0, *np.repeat(np.arange(n), 2) % 2]
    segment["n_blocks"] = [2, 3, *[13] * (2 * n)]
    segment["start_block"][1:] = np.where(segment["parent"][1:] == 0, 2, 5)
    turn["segment"] = 2 + 2 * turn["program"] + np.tile([0, 0, 1, 0], n)
    turn["segment"][-4:] = 2
    tools = (Tool("shell", 4, 0.25), Tool("wéb"))
    programs = Programs(program, turn, edge, segment, 16, tools, ("coding", "chat"), ("a", "b", "c"))
    validate(programs)
    return programs


def assert_same(a: Programs, b: Programs) -> None:
    for x, y in zip(a, b, strict=True):
        if not isinstance(x, np.ndarray) or not isinstance(y, np.ndarray):
            assert x == y
            continue
        assert x.dtype == y.dtype
        for name in x.dtype.names or ():
            assert x[name].tobytes() == y[name].tobytes(), name


def in_steps(programs: Programs) -> Programs:
    """The same programs in two societies, with adapters and reports; every third in none."""
    rng = np.random.default_rng(1)
    program, turn = programs.program.copy(), programs.turn.copy()
    n, n_turns = len(program), len(turn)
    program["society"] = np.arange(n) % 3 - 1
    program["adapter"] = rng.integers(-1, 4, n)
    step = 2 * np.tile([0, 1, 1, 2], n) + 7 * turn["program"]
    turn["step"] = np.where((program["society"][turn["program"]] >= 0) & (rng.random(n_turns) < 0.7), step, -1)
    report = np.zeros(2 * n, REPORT)
    report["program"] = rng.permutation(np.repeat(np.arange(n), 2))
    report["announced"] = rng.exponential(9.0, 2 * n)
    after = (program["society"][report["program"]] < 0) | (np.arange(2 * n) % 2 == 0)
    report["step"] = np.where(after, -1, rng.integers(0, 50, 2 * n))
    report["turn"] = np.where(after, 4 * report["program"] + rng.permutation(2 * n) % 4, -1)
    _, first = np.unique(report["turn"], return_index=True)
    report = report[np.isin(np.arange(2 * n), first) | ~after]
    made = programs._replace(program=program, turn=turn, report=report, step_s=(0.5, 30.0))
    validate(made)
    return made


@pytest.mark.parametrize("made", [workload, lambda: in_steps(workload())])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_written_is_read(tmp_path: Path, suffix: str, made: Callable[[], Programs]) -> None:
    programs = made()
    path = tmp_path / "new" / f"programs{suffix}"
    write_programs(programs, path)
    assert_same(read_programs(path), programs)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    before = path.read_bytes()
    write_programs(read_programs(path), path)
    assert path.read_bytes() == before
    trace = read_trace(path)
    assert_same(trace.programs, programs)
    assert (trace.report.format, trace.report.requests, trace.report.sessions) == ("agentsim", 120, 30)
    with pytest.raises(TraceError, match="block_size: is 16, and 32 was asked for"):
        read_trace(path, block_size=32)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_at_all(tmp_path: Path, suffix: str) -> None:
    empty = workload()._replace(
        program=np.zeros(0, PROGRAM), turn=np.zeros(0, TURN), edge=np.zeros(0, EDGE), segment=np.zeros(0, SEGMENT)
    )
    path = tmp_path / f"programs{suffix}"
    write_programs(empty, path)
    assert_same(read_programs(path), empty)
    with pytest.raises(ValueError, match="without programs"):
        write_programs(empty._replace(segment=workload().segment), path)
    assert_same(read_programs(path), empty)
    assert len(list(tmp_path.iterdir())) == 1


def test_lines_are_for_people(tmp_path: Path) -> None:
    path = tmp_path / "programs.jsonl"
    write_programs(workload(), path)
    header, first, *_ = map(json.loads, path.read_text().splitlines())
    assert (header["format"], header["version"]) == ("agentsim_env.programs", 1)
    assert header["segment_fields"] == ["id", "parent", "start_block", "n_blocks"]
    assert header["tools"][0] == {"name": "shell", "concurrency": 4, "backoff_s": 0.25}
    assert first["turns"][0]["prompt_tokens"] == 100
    assert [wait["turn"] for wait in first["turns"][0]["next"]] == [1, 2]
    assert first["segments"][0] == [0, -1, 0, 2]


def test_what_cannot_be_written(tmp_path: Path) -> None:
    programs = workload()
    with pytest.raises(ValueError, match=r"allowed: .jsonl, .jsonl.gz, .parquet"):
        write_programs(programs, tmp_path / "programs.csv")
    with pytest.raises(ValueError, match="families holds a name twice"):
        write_programs(programs._replace(families=("x", "x")), tmp_path / "programs.jsonl")
    programs.turn["output_tokens"][3] = 0
    with pytest.raises(InvalidProgramsError, match="turn 3"):
        write_programs(programs, tmp_path / "programs.jsonl")
    assert not list(tmp_path.iterdir())


def edited(path: Path, line: int, **changes: Any) -> Path:
    """The same file with some fields of a line changed."""
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    rows[line] |= changes
    other = path.with_name("edited.jsonl")
    other.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return other


TURNS = [{"prompt_tokens": 9, "new_tokens": 9, "output_tokens": 1, "segment": 2, "next": [{"turn": 9}]}]


@pytest.mark.parametrize(
    ("line", "changes", "message"),
    [
        (0, {"format": "x"}, r":1: format: is 'x'; allowed: agentsim_env.programs"),
        (0, {"version": 3}, r":1: version: is 3; allowed: 1, 2"),
        (0, {"programs": 31}, r"programs: the header promises 31, the file has 30"),
        (1, {"family": "x"}, r":2: family: is 'x'; allowed: coding, chat"),
        (1, {"turns": TURNS}, r":2: turns\[0\].next\[0\].turn: is 9; allowed: an integer from 1 to 0"),
        (2, {"segments": [[1]]}, r":3: segments\[0\]: is \[1\]; allowed: integers id, parent, start_block, n_blocks"),
        (2, {"segments": []}, r"segments: the ids are not 0 to"),
        (1, {"arrival_s": -1}, r"arrival_s = -1.0: must be finite and at least 0"),
    ],
)
def test_broken_lines(tmp_path: Path, line: int, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "programs.jsonl"
    write_programs(workload(), path)
    with pytest.raises(TraceError, match=message):
        read_programs(edited(path, line, **changes))


def test_missing_and_empty_files(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_bytes(b"")
    with pytest.raises(TraceError, match="is empty"):
        read_programs(tmp_path / "empty.jsonl")
    for suffix in SUFFIXES:
        with pytest.raises(FileNotFoundError):
            read_programs(tmp_path / f"none{suffix}")


def test_broken_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "programs.parquet"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(TraceError, match="not Parquet"):
        read_programs(path)
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(TraceError, match="no exported workload"):
        read_programs(path)
    write_programs(workload(), path)
    table = pq.read_table(path)
    pq.write_table(table.drop_columns("turns"), path)
    with pytest.raises(TraceError, match="does not fit the header"):
        read_programs(path)
    pq.write_table(table.slice(0, 10), path)
    with pytest.raises(TraceError):
        read_programs(path)


def test_packed_lines_are_the_same_lines(tmp_path: Path) -> None:
    programs = workload()
    write_programs(programs, tmp_path / "a.jsonl")
    write_programs(programs, tmp_path / "a.jsonl.gz")
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()) == (tmp_path / "a.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("column", "values"),
    [("arrival_s", None), ("after", 1.5), ("after", 2**40), ("family", 7), ("turns", [1, 2]), ("edges", None)],
)
def test_parquet_with_a_column_of_another_kind(tmp_path: Path, column: str, values: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "programs.parquet"
    write_programs(workload(), path)
    table = pq.read_table(path)
    at = table.schema.names.index(column)
    pq.write_table(table.set_column(at, column, pa.array([values] * len(table))), path)
    for read in (read_programs, read_trace):
        with pytest.raises(TraceError, match=r"holds what is no|does not fit the header|is of a kind that") as caught:
            read(path)
        assert not isinstance(caught.value, UnforeseenError)


@pytest.mark.parametrize("value", [5.0, "x", {"a": 1}, True, [[1, -1, 0]], [[0.5, -1, 0, 2]], [[0, -1, 0, 2**40]]])
def test_segments_of_another_kind(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "programs.jsonl"
    write_programs(workload(), path)
    with pytest.raises(TraceError, match=r"edited\.jsonl:2: segments.*: is .*; allowed: "):
        read_programs(edited(path, 1, segments=value))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_content_tells_the_format_and_not_the_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"programs{suffix}"
    write_programs(workload(), path)
    for other in (*SUFFIXES, ".txt", ""):
        copy = tmp_path / f"copy{other}"
        copy.write_bytes(path.read_bytes())
        assert_same(read_programs(copy), workload())
        assert_same(read_trace(copy).programs, workload())


def test_a_closed_loop_is_not_cut(tmp_path: Path) -> None:
    write_programs(workload(), tmp_path / "programs.jsonl")
    with pytest.raises(TraceError, match=r"after: lets programs wait for others \(closed loop\); allowed: neither"):
        read_trace(tmp_path / "programs.jsonl", max_turns=1)


def test_a_folder_holds_one_exported_workload(tmp_path: Path) -> None:
    write_programs(workload(), tmp_path / "a.jsonl")
    assert_same(read_programs(tmp_path), workload())
    assert_same(read_trace(tmp_path).programs, workload())
    write_programs(workload(), tmp_path / "b.parquet")
    for read in (read_programs, read_trace):
        with pytest.raises(TraceError, match="holds 2 exported workloads; allowed: one"):
            read(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_programs(tmp_path / "none.jsonl")


def test_parts_of_a_workload_keep_what_their_programs_report() -> None:
    """Some programs are taken, and later turns cut off."""
    whole = in_steps(workload())
    chosen = np.array([7, 2, 11, 4 + 8])
    programs = whole._replace(program=whole.program.copy())
    programs.program["after"] = -1
    part = take_programs(programs, chosen)
    taken = [(row[0], chosen[row[1]], row[2], row[3] % 4 if row[3] >= 0 else -1) for row in part.report.tolist()]
    kept = [row for row in whole.report.tolist() if row[1] in chosen]
    assert taken == [(row[0], row[1], row[2], row[3] % 4 if row[3] >= 0 else -1) for row in kept]
    assert (part.turn["program"][part.report["turn"][part.report["turn"] >= 0]] >= 0).all()
    cut = cut_programs(programs, max_turns=2)
    validate(cut)
    assert len(cut.report) == sum(row[3] < 0 or row[3] % 4 < 2 for row in whole.report.tolist())
