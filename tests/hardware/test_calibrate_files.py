"""Files of measurements as spreadsheets, broken transfers and typing errors leave them."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentsim_env.errors import AgentSimError, AgentSimWarning
from agentsim_env.hardware.calibrate import calibrate, tables
from agentsim_env.hardware.calibrate.problems import CalibrationError

HEADER = "prefill_tokens,cached_tokens,decodes,context_tokens,ms\n"
ROWS = "0,0,1,1000,11\n0,0,8,1000,12\n0,0,32,1000,15\n512,0,0,0,40\n512,0,8,1000,44\n"
ASKED = ("RTX-PRO-6000", "Llama-3.1-8B")


def write(folder: Path, content: str | bytes, name: str = "measured.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("\ufeff" + HEADER + ROWS, "bom.csv"),
        ((HEADER + ROWS).replace("\n", "\r\n"), "windows.csv"),
        (HEADER + "\n" + ROWS + " \n\n", "empty_lines.csv"),
        (HEADER.replace(",", ", ") + ROWS.replace(",", " , "), "spaces.csv"),
        (gzip.compress((HEADER + ROWS).encode()), "measured.csv.gz"),
    ],
)
def test_reads_what_is_meant(tmp_path: Path, content: str | bytes, name: str) -> None:
    expected = calibrate(write(tmp_path, HEADER + ROWS), *ASKED)
    found = calibrate(write(tmp_path, content, name), *ASKED)
    assert found.errors == expected.errors


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "missing column prefill_tokens, .*it has no header"),
        (HEADER, "no rows"),
        (HEADER + ROWS + "0,0,1,1000\n", "line 7: 4 cells, the header has 5"),
        (HEADER + ROWS + "0,0,1,1000,5,6\n", "line 7: 6 cells, the header has 5"),
        (HEADER + ROWS + "\n0,0,1,1000,inf\n", "line 8: ms is inf, must be a finite number"),
        (HEADER + "0,0,1,1000,-inf\n", "line 2: ms is -inf, must be a finite number"),
        (HEADER + "0,0,1,1000,fast\n", "line 2: ms is fast, must be a finite number"),
        (HEADER + "0,0,1,1000,1e999\n", "line 2: ms is 1e999, must be a finite number"),
        (HEADER + "0,0,1,1000,nan\n", "line 2: ms is nan"),
        (HEADER + "0,0,1_0,1000,5\n", "line 2: decodes is 1_0, must be a finite number"),
        (HEADER + "0,0,1,0,5\n", "line 2: decodes without context_tokens"),
        (HEADER.replace("ms", "ms,ms") + "0,0,1,1000,1,2\n", "column ms is there twice"),
        ((HEADER + "0,0,1,1000,é\n").encode("latin-1"), "cannot be read as CSV in UTF-8"),
        ((HEADER + ROWS).encode("utf-16"), "cannot be read as CSV in UTF-8"),
        (HEADER + "0,0,1,1000," + "1" * 200_000 + "\n", "cannot be read as CSV in UTF-8: field larger than"),
    ],
)
def test_errors_name_the_place(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(CalibrationError, match=rf"measured\.csv.*{message}"):
        calibrate(write(tmp_path, content), *ASKED)


def test_what_unpacks_without_end_is_read_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 100)
    monkeypatch.setattr(tables, "LONGEST_LINE", 1000)
    for filling, message in ((b"0,0,1,1000,11\n", "more than 100 rows"), (b"0" * 100, "line 2: more than 1,000 char")):
        packed = gzip.compress(HEADER.encode() + filling * 10_000)
        with pytest.raises(CalibrationError, match=rf"measured\.csv\.gz: {message}"):
            calibrate(write(tmp_path, packed, "measured.csv.gz"), *ASKED)


@pytest.mark.parametrize("content", [gzip.compress((HEADER + ROWS).encode())[:-30], b"\x1f\x8b", b"", b"no gzip"])
def test_a_cut_archive_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CalibrationError, match=r"measured\.csv\.gz.*(cannot be read as CSV|no header)"):
        calibrate(write(tmp_path, content, "measured.csv.gz"), *ASKED)


def test_tables_with_gaps_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "layer,tokens,time_us\nqkv_proj,1,5\nqkv_proj,2,\n", "dense.csv")
    write(tmp_path, "layer,sequences,time_us\nlm_head,1,5\n", "per_sequence.csv")
    write(tmp_path, "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,1,10,5\n", "attention.csv")
    with pytest.raises(CalibrationError, match="gemm: an empty or negative cell"):
        calibrate(tmp_path, *ASKED)


@pytest.mark.parametrize("text", ["", "a,b\n", "layer,tokens,time_us\nx,1,1\n", "layer,tokens,time_us\nqkv_proj,x,1\n"])
@pytest.mark.parametrize("file", ["dense.csv", "mlp.csv", "gemm.csv", "vllm_layers_rtx.csv"])
def test_every_layout_has_errors_of_the_package(tmp_path: Path, file: str, text: str) -> None:
    write(tmp_path, text, file)
    with pytest.raises(AgentSimError):
        calibrate(tmp_path, *ASKED)


def vidur(folder: Path) -> None:
    parts = ("attn_pre_proj", "attn_post_proj", "mlp_up_proj", "mlp_down_proj", "input_layernorm")
    names = ",".join(f"time_stats.{part}.median" for part in parts)
    rows = "".join(f"{tokens},1{',0.1' * len(parts)}\n" for tokens in (1, 100, 1000))
    write(folder, f"num_tokens,num_tensor_parallel_workers,{names}\n{rows}", "mlp.csv")
    header = "num_tensor_parallel_workers,batch_size,prefill_chunk_size,kv_cache_size,is_prefill"
    times = "time_stats.attn_prefill.median,time_stats.attn_decode.median"
    calls = "".join(f"1,{n},0,{x},False,,0.0{n}\n" for n in (1, 8) for x in (100, 1000))
    calls += "".join(f"1,1,{chunk},{x},True,0.1,\n" for chunk in (128, 512) for x in (0, 1000))
    write(folder, f"{header},{times}\n{calls}", "attention.csv")


def bundle(folder: Path) -> None:
    layers = ("qkv_proj", "o_proj", "gate_up_proj", "down_proj", "layernorm", "embedding")
    rows = "".join(f"{layer},{tokens},{5 + tokens}\n" for layer in layers for tokens in (1, 64, 512))
    write(folder, f"layer,tokens,time_us\n{rows}", "dense.csv")
    write(folder, "layer,sequences,time_us\nlm_head,1,5\nlm_head,64,9\n", "per_sequence.csv")
    calls = "".join(f"0,0,{n},{x},{n + 5}\n" for n in (1, 8, 32) for x in (10, 1000))
    calls += "".join(f"{chunk},0,{n},100,{n + chunk}\n" for chunk in (64, 512) for n in (0, 8))
    write(folder, f"prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n{calls}", "attention.csv")


def operators(folder: Path) -> None:
    shapes = ((6144, 4096), (4096, 4096), (28672, 4096), (4096, 14336), (128256, 4096))
    rows = "".join(f"H100,bf16,{m},{n},{k},{5 + m}\n" for m in (1, 64, 512) for n, k in shapes)
    write(folder, f"gpu,dtype,m,n,k,us\n{rows}", "gemm.csv")
    rows = "".join(f"H100,{b},{isl},32,8,bf16,{isl}\n" for b in (1, 2) for isl in (64, 512))
    write(folder, f"gpu,b,isl,hq,hkv,kv,us\n{rows}", "attn_prefill.csv")
    rows = "".join(f"H100,{b},{ctx},32,8,bf16,{b + 5}\n" for b in (1, 8) for ctx in (64, 512))
    write(folder, f"gpu,b,ctx,hq,hkv,kv,us\n{rows}", "attn_decode.csv")
    write(folder, "gpu,impl,num_gpus,bytes,us\nH100,nccl_all_reduce,2,1024,5\n", "allreduce.csv")


def plain(folder: Path) -> None:
    write(folder, HEADER + ROWS)


NASTY = ("", "0", "-1", "1e308", "-1e308", "inf", "nan", "x", "é", '"', "1,2", "9" * 400, "\x00", "True", "1e-320")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("layout", [plain, vidur, bundle, operators])
def test_whatever_a_cell_holds_profiles_are_numbers(tmp_path: Path, layout: Callable[[Path], None], data: Any) -> None:
    layout(tmp_path)
    file = data.draw(st.sampled_from(sorted(tmp_path.glob("*.csv"))))
    lines = [line.split(",") for line in file.read_text().splitlines()]
    line = data.draw(st.integers(0, len(lines) - 1))
    cell = data.draw(st.integers(0, len(lines[line]) - 1))
    what = data.draw(st.sampled_from([*NASTY, None]))
    lines[line][cell : cell + 1] = [] if what is None else [what]
    file.write_text("\n".join(map(",".join, lines)) + "\n", encoding="utf-8")
    asked = ("H100", "Llama-3.1-8B")
    try:
        found = calibrate(file if layout is plain else tmp_path, *asked)
    except AgentSimError:
        return
    assert all(np.isfinite(value).all() for value in vars(found.profile).values() if isinstance(value, np.ndarray))
    assert all(np.isfinite(error.mean) for error in found.errors)


def test_what_no_engine_starts_is_not_calibrated(tmp_path: Path) -> None:
    with pytest.raises(AgentSimError, match=r"tp 3: Llama-3\.1-8B has 32 query heads, which 3 does not divide"):
        calibrate(write(tmp_path, HEADER + ROWS), *ASKED, tp=3)


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="cannot be read: File name too long"):
        calibrate(tmp_path / ("x" * 5000), *ASKED)


def test_times_in_another_unit_are_a_doubt(tmp_path: Path) -> None:
    seconds = "".join(f"0,0,1,{context},0.011\n" for context in (1000, 2000, 3000))
    with pytest.warns(AgentSimWarning, match=r"the times are 0\.0.* are they milliseconds\?"):
        calibrate(write(tmp_path, HEADER + seconds), *ASKED)
