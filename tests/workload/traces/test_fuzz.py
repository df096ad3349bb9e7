"""Whatever a file holds, reading it ends soon, in a sane workload or in an error of ours that was foreseen."""

import bz2
import gzip
import json
import lzma
import os
import tempfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentsim_env.workload.traces import FORMATS, Trace, TraceError, UnforeseenError, read_trace
from agentsim_env.workload.traces.export import write_programs
from agentsim_env.workload.validation import validate
from tests.workload.traces.corpus import AGENTSIM, CSV_TRACES, JSON_TRACES, MOST_TOKENS, longest_context

FUZZ = settings(
    max_examples=int(os.environ.get("AGENTSIM_FUZZ_EXAMPLES") or 200),
    deadline=10_000,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
ODD: list[Any] = [
    *(None, True, False, -1, 0, 1, 5.0, 2.5, -0.0, 2**30, 2**31, 2**63, 2**64, 10**400, 1e300, -1e300, 1e-300),
    *(float("nan"), float("inf"), "", "x", "1", "\ud800", "a\nb", "2023-11-16 18:15:46", [], {}, [[]], [{}], [None]),
    *([1.5], ["a"], [10**30], {"a": 1}, list(range(300))),
]
PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda content: content,
    "gzip": lambda content: gzip.compress(content, 1),
    "bzip2": bz2.compress,
    "xz": lambda content: lzma.compress(content, preset=0),
}


def as_bytes(name: str) -> bytes:
    """A trace of the corpus as a file."""
    rows = JSON_TRACES[name] if name in JSON_TRACES else CSV_TRACES[name]
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()


def places(content: Any) -> list[tuple[Any, Any]]:
    """Every container of a JSON document with each of its keys or indices."""
    keys = list(content) if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
    own = [(content, key) for key in keys]
    return own + [place for _, key in own for place in places(content[key])]


def check_sane(trace: Trace) -> None:
    """What every workload promises, and totals that fit it."""
    programs, report = trace
    if longest_context(programs) <= MOST_TOKENS:
        validate(programs)
    assert np.isfinite(programs.program["arrival_s"]).all()
    assert report.requests == len(programs.turn)
    assert report.sessions == len(programs.program)
    assert report.prompt_tokens == programs.turn["prompt_tokens"].sum(dtype=np.int64) > 0
    assert 0.0 <= report.prefix_reuse <= 1.0
    assert report.span_s is None or 0.0 <= report.span_s < 1e10
    assert report.describe().startswith(f"{report.format} trace: ")


def read_whatever(content: bytes, **options: Any) -> None:
    """Reads a file with this content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace"
        path.write_bytes(content)
        try:
            trace = read_trace(path, **options)
        except TraceError as error:
            assert not isinstance(error, UnforeseenError), error
            assert str(error).startswith(str(path))
            assert len(str(error)) < 3_000
        else:
            check_sane(trace)


def test_the_corpus_reads_as_it_is() -> None:
    for name in (*JSON_TRACES, *CSV_TRACES):
        for packing in PACKINGS.values():
            read_whatever(packing(as_bytes(name)))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trace"
            path.write_bytes(as_bytes(name))
            assert read_trace(path).report.format == name.partition("_s")[0]


@FUZZ
@given(
    name=st.sampled_from(sorted(JSON_TRACES)),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from([*ODD, "drop", "twice"])), max_size=3),
    options=st.fixed_dictionaries(
        {},
        optional={
            "sessions": st.sampled_from(["named", "rebuilt"]),
            "message_mode": st.sampled_from(["history", "delta"]),
            "time_unit": st.sampled_from(["s", "ms", "us", "ns"]),
            "skip_bad_lines": st.booleans(),
            "trace_block_tokens": st.integers(1, 600),
            "reuse_generated": st.booleans(),
        },
    ),
)
def test_fields_that_are_missing_or_odd(name: str, changes: list[tuple[int, Any]], options: dict[str, Any]) -> None:
    rows = deepcopy(JSON_TRACES[name])
    for at, value in changes:
        found = places(rows)
        if not found:
            break
        container, key = found[at % len(found)]
        if value == "drop":
            del container[key]
        elif value == "twice" and isinstance(container, list):
            container.insert(key, deepcopy(container[key]))
        else:
            container[key] = deepcopy(value)
    read_whatever("".join(json.dumps(row) + "\n" for row in rows).encode(), **options)


@FUZZ
@given(
    name=st.sampled_from([*JSON_TRACES, *CSV_TRACES]),
    packing=st.sampled_from(sorted(PACKINGS)),
    within=st.booleans(),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), st.binary(max_size=6)), min_size=1, max_size=4),
    skip=st.booleans(),
)
def test_bytes_that_are_flipped_missing_or_added(
    name: str, packing: str, within: bool, cuts: list[tuple[float, int, bytes]], skip: bool
) -> None:
    pack, content = PACKINGS[packing], as_bytes(name)
    content = content if within else pack(content)
    for where, gone, added in cuts:
        at = int(where * len(content))
        content = content[:at] + added + content[at + gone :]
    read_whatever(pack(content) if within else content, skip_bad_lines=skip)


@FUZZ
@given(
    name=st.sampled_from(sorted(CSV_TRACES)),
    cells=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7), st.sampled_from(ODD)), min_size=1, max_size=3),
    skip=st.booleans(),
)
def test_cells_that_are_odd(name: str, cells: list[tuple[int, int, Any]], skip: bool) -> None:
    rows = [row.split(",") for row in CSV_TRACES[name]]
    for row, column, value in cells:
        rows[row][column % len(rows[row])] = str(value)
    read_whatever("\n".join(",".join(row) for row in rows).encode("utf-8", "surrogatepass"), skip_bad_lines=skip)


@FUZZ
@given(name=st.sampled_from(sorted(FORMATS)), content=st.binary(max_size=200))
def test_bytes_of_no_format(name: str, content: bytes) -> None:
    read_whatever(content)
    read_whatever(content, format=name)


@pytest.mark.parametrize("forced", sorted(FORMATS))
@pytest.mark.parametrize("name", [*JSON_TRACES, *CSV_TRACES])
def test_a_trace_read_as_another_format(name: str, forced: str) -> None:
    read_whatever(as_bytes(name), format=forced)
    read_whatever(as_bytes(name), format=forced, skip_bad_lines=True)


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("parquet")
    lines = folder / "programs.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in AGENTSIM))
    write_programs(read_trace(lines).programs, folder / "programs.parquet")
    return (folder / "programs.parquet").read_bytes()


@FUZZ
@given(cuts=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 20), st.binary(max_size=6)), min_size=1, max_size=3))
def test_damaged_parquet(parquet: bytes, cuts: list[tuple[float, int, bytes]]) -> None:
    content = parquet
    for where, gone, added in cuts:
        at = 4 + int(where * (len(content) - 4))
        content = content[:at] + added + content[at + gone :]
    read_whatever(content)


@pytest.mark.parametrize("length", range(0, 4000, 97))
def test_parquet_that_is_cut_off(parquet: bytes, length: int) -> None:
    read_whatever(parquet[: min(length, len(parquet) - 1)])
