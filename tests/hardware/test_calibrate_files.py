"""Files of measurements as spreadsheets, broken transfers and typing errors leave them."""

import gzip
from pathlib import Path

import pytest

from agentsim_env.errors import AgentSimError
from agentsim_env.hardware.calibrate import calibrate
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
        (HEADER.replace("ms", "ms,ms") + "0,0,1,1000,1,2\n", "column ms is there twice"),
        ((HEADER + "0,0,1,1000,é\n").encode("latin-1"), "cannot be read as CSV in UTF-8"),
        ((HEADER + ROWS).encode("utf-16"), "cannot be read as CSV in UTF-8"),
        (HEADER + "0,0,1,1000," + "1" * 200_000 + "\n", "cannot be read as CSV in UTF-8: field larger than"),
    ],
)
def test_errors_name_the_place(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(CalibrationError, match=rf"measured\.csv.*{message}"):
        calibrate(write(tmp_path, content), *ASKED)


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
