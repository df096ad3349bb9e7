"""What a file is, told by its first bytes; how much of it is read."""

import bz2
import gzip
import io
import json
import lzma
import os
import socket
import tarfile
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim_env.workload.traces import TraceError, detect_format, read_trace
from agentsim_env.workload.traces.opening import MAX_BYTES, RECORD_BYTES, ROW_BYTES, trace_files

Write = Callable[..., Path]
LINE = {"timestamp": 0, "input_length": 512, "output_length": 10, "hash_ids": [1]}
TEXT = (json.dumps(LINE) + "\n").encode()
CSV = b"t_s,in,out\n0.0,10,5\n1.5,20,6\n"


def zstd(content: bytes) -> bytes:
    import pyarrow as pa

    target = pa.BufferOutputStream()
    with pa.CompressedOutputStream(target, "zstd") as stream:
        stream.write(content)
    return target.getvalue().to_pybytes()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
}


def archive(kind: str) -> bytes:
    target = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(target, "w") as file:
            file.writestr("trace.jsonl", TEXT)
    else:
        with tarfile.open(fileobj=target, mode="w") as file:
            file.addfile(tarfile.TarInfo("trace.jsonl"), io.BytesIO())
    return target.getvalue()


@pytest.mark.parametrize("name", PACKINGS)
@pytest.mark.parametrize("content", [TEXT * 3, CSV])
def test_packed_files_read_whatever_they_are_called(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / "trace.data"
    path.write_bytes(PACKINGS[name](content))
    plain = tmp_path / "plain"
    plain.write_bytes(content)
    a, b = read_trace(path).programs, read_trace(plain).programs
    assert all(np.array_equal(x, y) for x, y in zip(a[:4], b[:4], strict=True))


@pytest.mark.parametrize("name", PACKINGS)
def test_a_packed_file_that_is_cut_off(tmp_path: Path, name: str) -> None:
    packed = PACKINGS[name](b"".join(b"%d,%d,9\n" % (i, 1 + i * i % 977) for i in range(3000)))
    path = tmp_path / "trace.csv"
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(TraceError, match=f"damaged {name} file"):
        read_trace(path, "azure")


@pytest.mark.parametrize(("suffix", "name"), [(".gz", "gzip"), (".bz2", "bzip2"), (".xz", "xz"), (".zst", "zstd")])
def test_packed_files_in_a_folder(tmp_path: Path, suffix: str, name: str) -> None:
    pack = PACKINGS[name]
    (tmp_path / f"a.jsonl{suffix}").write_bytes(pack(TEXT))
    (tmp_path / "b.jsonl").write_bytes(TEXT)
    (tmp_path / "README.md").write_bytes(b"hello")
    assert read_trace(tmp_path).report.files == 2


@pytest.mark.parametrize("forced", ["auto", "mooncake", "azure", "agentsim"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: no known trace format begins so"),
        (archive("zip"), "is a zip archive; unpack it with unzip"),
        (archive("tar"), "is a tar archive; unpack it with tar -xf"),
        (gzip.compress(archive("tar")), "is a tar archive; unpack it with tar -xf"),
        (gzip.compress(gzip.compress(TEXT)), "is gzip, inside gzip, packed twice; unpack it once with gunzip"),
        (zstd(gzip.compress(TEXT)), "is gzip, inside zstd, packed twice"),
        (gzip.compress(b""), "is empty, inside gzip: no known"),
        (gzip.compress(b"PAR1" + bytes(20)), "is Parquet, inside gzip, where text is expected"),
        (TEXT.decode().encode("utf-16"), "is UTF-16 text; allowed: UTF-8, as from iconv -f UTF-16 -t UTF-8"),
        (TEXT.decode().encode("utf-32"), "is UTF-32 text"),
        (TEXT.decode().encode("utf-16-le"), r"is binary \(a NUL byte at 1\)"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1234567\n", "LFS .* of 1,234,567 bytes"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer, not the file itself"),
        (b"\n<!DOCTYPE html>\n<html>", "is a web page; download the raw file"),
        (b"\x80\x05\x95\x00", "is a pickle, which is never loaded"),
        (b"\x93NUMPY\x01\x00", "is a NumPy array"),
        (b"SQLite format 3\x00", "is an SQLite database"),
        (b"\x7fELF\x02\x01\x01\x00", r"is binary \(a NUL byte at 7\)"),
        (CSV.replace(b"\n", b"\r"), "its lines end in CR alone"),
        (TEXT.replace(b"\n", b"\r") * 2, "its lines end in CR alone"),
        (b"\x28\xb5\x2f\xfdrubbish", "damaged zstd file"),
        (b"\x1f\x8brubbish", "damaged gzip file"),
    ],
)
def test_what_is_no_trace_is_told_by_its_first_bytes(tmp_path: Path, content: bytes, message: str, forced: str) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(content)
    with pytest.raises(TraceError, match=message) as caught:
        read_trace(path, forced)
    assert caught.value.path == path


def test_parquet_is_told_by_its_mark(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "trace.csv"
    pq.write_table(pa.table({"arrived_at": [1.0], "tokens": [5]}), path)
    assert detect_format(path) == "agentsim"
    with pytest.raises(TraceError, match=r"is no exported workload: .* its columns are arrived_at, tokens; no other"):
        read_trace(path)
    with pytest.raises(TraceError, match="is Parquet where text is expected"):
        read_trace(path, "azure")


def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for path in (tmp_path / "pipe", tmp_path / "socket", Path("/dev/zero")):
            for name in ("auto", "mooncake", "agentsim", "claude_code"):
                with pytest.raises(TraceError, match="is a pipe, a device or a socket; allowed: a regular file"):
                    read_trace(path, name)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(TraceError, match="no such file or folder"):
        read_trace(tmp_path / "loop")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_bytes(CSV)
    (tmp_path / "trace.csv").chmod(0)
    with pytest.raises(TraceError, match="cannot be read"):
        read_trace(tmp_path / "trace.csv")


@pytest.mark.parametrize(
    "filling",
    [b" ", b"\n", b"0", b'{"a":0}\n', b"[", b"\x00", b"1,1,1\n"],
    ids=["space", "lf", "0", "{}", "[", "0b", "csv"],
)
@pytest.mark.parametrize("name", ["auto", "azure", "mooncake", "claude_code", "agentsim"])
def test_what_unpacks_to_far_too_much_is_refused_soon(tmp_path: Path, filling: bytes, name: str) -> None:
    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(CSV if name == "azure" else TEXT)
        file.write(filling * (64 * 2**20 // len(filling)))
    begin = time.perf_counter()
    with pytest.raises(TraceError, match=r"more than 2,000,000 bytes|125,000 bytes|NUL byte|not (JSON|CSV)|is "):
        read_trace(path, name, max_bytes=2_000_000)
    assert time.perf_counter() - begin < 10.0


def test_the_limit_counts_lines_and_files(tmp_path: Path, jsonl: Write) -> None:
    path = jsonl([LINE] * 100)
    least = path.stat().st_size + 100 * RECORD_BYTES
    assert read_trace(path, max_bytes=least).report.requests == 100
    with pytest.raises(TraceError, match=r"takes more than \d+,\d{3} bytes.*; set max_bytes \(workload\.trace"):
        read_trace(path, max_bytes=least - 1)
    jsonl([LINE] * 100, "second.jsonl")
    with pytest.raises(TraceError, match=r"(second|trace)\.jsonl: is too large"):
        read_trace(tmp_path, max_bytes=2 * least - 1)
    assert read_trace(tmp_path, max_bytes=2 * least).report.requests == 200
    for bad in (0, -1):
        with pytest.raises(ValueError, match="max_bytes is"):
            read_trace(path, max_bytes=bad)


def test_rows_cost_less_than_records(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_bytes(CSV)
    assert read_trace(path, max_bytes=len(CSV) + 3 * ROW_BYTES).report.requests == 2
    assert MAX_BYTES // (40 + ROW_BYTES) > 5_000_000
    assert MAX_BYTES // (100 + RECORD_BYTES) > 900_000


def test_a_line_may_take_a_sixteenth(jsonl: Write) -> None:
    path = jsonl([{**LINE, "note": "x" * 3_000_000}])
    with pytest.raises(TraceError, match=r"trace.jsonl:1: this line has more than 1,000,000 bytes, a sixteenth of"):
        read_trace(path, max_bytes=16_000_000)
    assert read_trace(path, max_bytes=64_000_000).report.requests == 1


def test_parquet_that_unfolds_to_too_much(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"a": np.zeros(5_000_000, np.int64)}), path)
    assert path.stat().st_size < 100_000
    with pytest.raises(TraceError, match="takes more than 1,000,000 bytes"):
        read_trace(path, max_bytes=1_000_000)


@pytest.mark.parametrize("name", ["auto", "mooncake", "azure", "burstgpt"])
def test_a_first_line_of_any_length(tmp_path: Path, name: str) -> None:
    path = tmp_path / "trace.csv"
    for content in (
        b"x" * 200_000,
        b"a," * 100_000 + b"\n1,2\n",
        b'"' + b"x" * 200_000,
        b"t_s,in,out" + b" " * 200_000,
    ):
        path.write_bytes(content)
        with pytest.raises(TraceError) as caught:
            read_trace(path, name)
        assert len(str(caught.value)) < 2_500


def test_a_long_first_line_of_ids_is_no_obstacle(jsonl: Write) -> None:
    ids = list(range(10**9, 10**9 + 150_000))
    path = jsonl([{"hash_ids": ids, "timestamp": 0, "input_length": 512 * len(ids), "output_length": 3}])
    assert path.stat().st_size > 2**20
    assert read_trace(path).report.requests == 1
    path = jsonl([{"timestamp": 0, "input_length": 512 * len(ids), "output_length": 3, "hash_ids": ids}])
    assert read_trace(path).report.requests == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({**LINE, "timestamp": 10**400}, "timestamp: is 1000.* ...; allowed: a finite number"),
        ({**LINE, "timestamp": 1e300}, r"timestamp: is 1e\+300, 1e\+297 s; allowed: at most 1e\+10 s"),
        ({**LINE, "timestamp": -1e300}, r"timestamp: is -1e\+300"),
        ({**LINE, "input_length": 10**400}, "input_length: is 1000.* ...; allowed: an integer"),
        ({**LINE, "hash_ids": [10**400]}, "list of ids holds something else than integers of 64 bits"),
        ('{"timestamp": 1' + "0" * 5000 + ', "input_length": 5}', "not readable"),
        ('{"timestamp": ' + "[" * 100_000 + ', "input_length": 5}', "not readable|not JSON"),
    ],
)
def test_numbers_beyond_all_bounds(jsonl: Write, line: Any, message: str) -> None:
    with pytest.raises(TraceError, match=r"trace.jsonl:1: .*" + message) as caught:
        read_trace(jsonl([line]), "mooncake")
    assert len(str(caught.value)) < 300


def test_text_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_bytes(TEXT + json.dumps({**LINE, "session_id": "é"}, ensure_ascii=False).encode("latin-1"))
    with pytest.raises(TraceError, match=r":2: is not UTF-8 text \(byte 0xe9 at \d+\); see iconv"):
        read_trace(path)
    path.write_bytes(CSV + b"2.0,10,\xe9\n")
    with pytest.raises(TraceError, match=r":4: is not UTF-8 text \(byte 0xe9 at 7\)"):
        read_trace(path)


def test_no_warning_of_numpy_for_dates_with_an_offset(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    dates = ["2024-05-10T02:00:00.5+02:00", "2024-05-10 00:00:01Z", "2024-05-09T18:00:02-0600", "2024-05-10 00:00:03"]
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(f"{date},10,5\n" for date in dates))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        programs = read_trace(path).programs
    assert programs.program["arrival_s"] == pytest.approx([0.0, 0.5, 1.5, 2.5])
    for bad in ("now", "today", "NaT", "9999-01-01", "1600-01-01 00:00:00", "2024-05-10T25:00:00", "2024", "1e9"):
        path.write_text(f"TIMESTAMP,ContextTokens,GeneratedTokens\n{bad},10,5\n")
        with pytest.raises(TraceError, match=r":2: timestamp: is .* allowed: a date and time"):
            read_trace(path)


def test_the_names_in_a_folder_decide_what_is_read(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"is a folder without a trace; allowed: files ending in \.json, \.json\.gz"):
        read_trace(tmp_path)
    (tmp_path / "trace.csv").write_bytes(CSV)
    (tmp_path / "notes.txt").write_bytes(b"hello")
    assert [file.path.name for file in trace_files(tmp_path, (".csv",))] == ["trace.csv"]
    assert read_trace(tmp_path).report.requests == 2


def test_hidden_files_of_a_folder_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_bytes(CSV)
    (tmp_path / "._trace.csv").write_bytes(b"\x00\x05\x16\x07")  # what some file systems keep beside each file
    assert read_trace(tmp_path).report.files == 1


def test_files_that_the_format_does_not_read_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CSV)
    assert read_trace(tmp_path).report.doubts == ()
    (tmp_path / "b.jsonl").write_bytes(TEXT)
    (tmp_path / "notes.txt").write_bytes(b"hello")
    assert read_trace(tmp_path).report.doubts == ("1 of the 2 files here are not what azure reads",)


def test_folders_inside_a_folder_are_told(tmp_path: Path) -> None:
    (tmp_path / "day2").mkdir()
    (tmp_path / ".hidden").mkdir()
    with pytest.raises(
        TraceError, match=r"is a folder without a trace; .* \(those in folders inside it are not read\)"
    ):
        read_trace(tmp_path)
    (tmp_path / "day1.csv").write_text("t_s,in,out\n0,3,4\n")
    assert read_trace(tmp_path).report.doubts == (
        "1 folders inside are not read; name one of them, or put their files here",
    )
