import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from agentsim_env.validation.engine_description import load_engine
from agentsim_env.validation.files import read_measurements
from agentsim_env.validation.problems import ValidationError

REQUESTS = "gpu,model,tp,arrival_s,in,out,queued_s,scheduled_s,first_token_s,last_token_s\n"
SILICON = "system,model,backend,precision,mode,isl,osl,concurrency,tp,adp,ttft_ms,tpot_ms,src\n"


def write(folder: Path, text: str, name: str = "runs.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_requests_are_sorted_and_start_at_zero(tmp_path: Path, engine_file: Path) -> None:
    rows = "H100,Llama-3.1-8B,1,107.0,20,3,,,108,109\nH100,Llama-3.1-8B,1,100.0,10,5,,,101,105\n"
    other = "A100,Llama-3.1-8B,1,0,10,5,,,1,5\n"
    found = read_measurements(write(tmp_path, REQUESTS + rows + other), load_engine(engine_file))
    (run,) = found.runs
    assert run.requests is not None
    assert run.requests.arrival_s.tolist() == [0.0, 7.0]
    assert run.requests.ttft_s.tolist() == [1.0, 1.0]
    assert run.requests.tpot_s.tolist() == [1.0, 0.5]
    assert run.requests.tokens_per_s == pytest.approx(8 / 9)
    assert "1 rows left out (1: another GPU)" in found.left_out[0]


def test_points_of_the_silicon_layout(tmp_path: Path, engine_file: Path) -> None:
    rows = (
        "h100_sxm,meta-llama/Llama-3.1-8B-Instruct,vllm,bf16,agg,1024,256,8.0,1.0,1.0,50.5,7.1,nvidia_internal\n"
        "h100_sxm,meta-llama/Llama-3.1-8B-Instruct,vllm,bf16,agg,1024,256,4.0,1.0,1.0,50.5,7.1,inferencemax\n"
        "h100_sxm,meta-llama/Llama-3.1-8B-Instruct,vllm,fp8,agg,1024,256,8.0,1.0,1.0,50.5,7.1,x\n"
        "h100_sxm,meta-llama/Llama-3.1-8B-Instruct,vllm,bf16,disagg,1024,256,8.0,1.0,1.0,50.5,7.1,x\n"
    )
    found = read_measurements(write(tmp_path, SILICON + rows), load_engine(engine_file))
    first, second = found.runs
    assert first.load is not None and second.load is not None
    assert (first.load.arrivals, first.load.concurrency, first.load.requests) == ("closed", 8, 80)
    assert (first.load.shortest, second.load.shortest) == (1.0, 0.8)
    assert first.measured == {("ttft_s", "mean"): pytest.approx(0.0505), ("tpot_s", "mean"): pytest.approx(0.0071)}
    assert "1: another dtype, 1: disaggregated" in found.left_out[0]


def test_points_of_the_sweep_layout(tmp_path: Path, engine_file: Path) -> None:
    header = (
        "model,engine,hardware,parallel,isl,osl,concurrency,completed,duration_s,out_tok_s,ttft_p50_ms,tpot_p99_ms\n"
    )
    rows = "Llama-3.1-8B,vLLM,8xH100,tp1,2048,128,4,40,26.8,191.0,737.5,17.35\n"
    rows += "Llama-3.1-8B,vLLM,8xH100,tp8,1,1,4,4,1,1,1,1\n"
    (run,) = read_measurements(write(tmp_path, header + rows), load_engine(engine_file)).runs
    assert run.load is not None and run.load.requests == 40
    assert dict(run.measured) == {
        ("tokens_per_s", "total"): 191.0,
        ("ttft_s", "p50"): pytest.approx(0.7375),
        ("tpot_s", "p99"): pytest.approx(0.01735),
    }


def test_plain_open_loop(tmp_path: Path, engine_file: Path) -> None:
    text = "isl,osl,rate_rps,arrivals,requests,e2e_mean_s\n100,10,4,constant,20,1.5\n100,10,4,poisson,20,1.5\n"
    runs = read_measurements(write(tmp_path, text), load_engine(engine_file)).runs
    assert [run.load.arrivals for run in runs if run.load] == ["constant", "poisson"]
    assert runs[0].measured == {("e2e_s", "mean"): 1.5}


def test_a_folder_is_searched_and_says_what_it_left_out(tmp_path: Path, engine_file: Path) -> None:
    write(tmp_path, "a,b\n1,2\n", "other.csv")
    write(tmp_path, "isl,osl,concurrency,ttft_ms\n100,10,4,9\n", "points.csv")
    found = read_measurements(tmp_path, load_engine(engine_file))
    assert len(found.runs) == 1
    assert found.left_out == (
        "other.csv: no known layout",
        "points.csv: does not tell the format of the weights; all is taken as bf16",
    )


def test_rows_can_be_chosen_by_column(tmp_path: Path) -> None:
    engine = write(tmp_path, "gpu: H100\nmodel: Llama-3.1-8B\nrows: {model: mine, tp: 3}\n", "engine.yaml")
    text = "model,tp,isl,osl,concurrency,ttft_ms\nmine,3,100,10,4,9\nmine,2,100,10,4,9\n"
    assert len(read_measurements(write(tmp_path, text), load_engine(engine)).runs) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "no known layout; it has a, b. Known:"),
        (REQUESTS + "H100,Llama-3.1-8B,1,0,10,x,,,1,2\n", ":2: out is x; must be a number of at least 1"),
        (REQUESTS + "H100,Llama-3.1-8B,1,0,10,5,,,3,2\n", "are not in this order"),
        (REQUESTS + "H100,Llama-3.1-8B,1,0,10\n", ":2: 5 cells, the header has 10"),
        (REQUESTS + "A100,Llama-3.1-8B,1,0,10,5,,,1,2\n", "it has: A100 Llama-3.1-8B tp1"),
        ("isl,osl,concurrency,ttft_ms\n100,10,0,5\n", ":2: concurrency is 0"),
        ("isl,osl,rate_rps,arrivals,ttft_ms\n100,10,1,weekly,5\n", "arrivals is 'weekly'; must be constant or poisson"),
    ],
)
def test_errors_say_where(tmp_path: Path, engine_file: Path, text: str, message: str) -> None:
    with pytest.raises(ValidationError) as error:
        read_measurements(write(tmp_path, text), load_engine(engine_file))
    assert message in str(error.value)


def test_layouts_that_we_have(measured: Path) -> None:
    rtx = read_measurements(measured / "vllm_rtx_requests.csv", load_engine("rtx-4090_llama-3.1-8b"))
    assert [np.size(run.requests.arrival_s) for run in rtx.runs if run.requests] == [300]
    h100 = read_measurements(measured, load_engine("h100_llama-3.1-70b_fp8"))
    assert len(h100.runs) == 45
    assert {run.tp for run in h100.runs} == {2, 4, 8}


POINTS = "isl,osl,concurrency,ttft_ms\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (("\ufeff" + POINTS + "100,10,4\n").encode(), ":2: 3 cells, the header has 4"),
        ((POINTS + "100,10,4,inf\n").encode(), ":2: ttft_ms is inf; must be a number"),
        (
            (POINTS + "100,10,4,1e12\n").encode(),
            ":2: ttft_ms is 1e12; must be a number of at least 0 and at most",
        ),
        ((POINTS + "1e300,10,4,5\n").encode(), ":2: isl is 1e300; must be a number of at least 1 and at most 1e+07"),
        ((POINTS + "100,10,1e9,5\n").encode(), ":2: concurrency is 1e9; must be a number of at least 1 and at most"),
        ((POINTS + "100,10,4,9\n100,10,4,é\n").encode("latin-1"), "cannot be read as CSV in UTF-8"),
        ((POINTS + "100,10,4,9\n").encode("utf-16"), "cannot be read as CSV in UTF-8"),
        (b"isl,osl,concurrency,ttft_ms,ttft_ms\n100,10,4,5,6\n", "column ttft_ms is there twice"),
        (POINTS.encode() + b"1_00,10,4,5\n", ":2: isl is 1_00; must be a number"),
        (POINTS.encode() + b"100,10,4,1\x007\n", r":2: ttft_ms is '1\x007'; must be a number"),
        (POINTS.encode() + b"100,10,4," + b"9" * 5000 + b"\n", ":2: ttft_ms is " + "9" * 60 + "...; must be"),
        (b"PAR1\0\0\0,\1\n", r"no known layout; it has 'PAR1\x00\x00\x00', '\x01'. Known:"),
        (b"\n" + POINTS.encode(), "no known layout; it has no columns in its first line. Known:"),
        (b"isl,osl,concurrency,rate_rps,ttft_ms\n9,9,4,2,50\n", ":2: concurrency and rate_rps; a load is"),
        (b"isl,osl,concurrency,ttft_ms,ttft_s\n9,9,4,50,5\n", ":2: ttft_s contradicts another column"),
        (b"isl,osl,concurrency,ttft_ms,ttft_mean_ms\n9,9,4,50,70\n", ":2: ttft_mean_ms contradicts another"),
        (b"isl,osl,rate_rps,ttft_ms\n100,10,1e-300,5\n", "rate_rps is 1e-300; must be above 0, and at least 1e-06"),
    ],
)
def test_bytes_that_are_no_measurements(tmp_path: Path, engine_file: Path, content: bytes, message: str) -> None:
    file = tmp_path / "runs.csv"
    file.write_bytes(content)
    with pytest.raises(ValidationError) as error:
        read_measurements(file, load_engine(engine_file))
    assert message in str(error.value)
    assert str(file) in str(error.value)


def test_a_profile_that_nests_without_end_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "deep.yaml").write_text("[" * 3000)
    (tmp_path / "engine.yaml").write_text("gpu: H100\nmodel: Llama-3.1-8B\nprofile: deep.yaml\n")
    with pytest.raises(ValidationError, match="cannot be read as a profile"):
        load_engine(tmp_path / "engine.yaml")


def test_clocks_may_count_from_1970(tmp_path: Path, engine_file: Path) -> None:
    header = "arrival_s,in,out,first_token_s,last_token_s\n"
    file = write(tmp_path, header + "1753900000,100,10,1753900000.5,1753900001\n")
    (run,) = read_measurements(file, load_engine(engine_file)).runs
    assert run.requests is not None
    assert (run.requests.first_token_s.tolist(), run.requests.end_s.tolist()) == ([0.5], [1.0])


def test_what_is_no_file_is_not_opened(tmp_path: Path, engine_file: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ValidationError, match="no CSV file in it"):
        read_measurements(tmp_path, load_engine(engine_file))
    for name in ("x" * 5000, "a\0b"):
        with pytest.raises(ValidationError, match=r"cannot be read|no such file"):
            read_measurements(name, load_engine(engine_file))
        with pytest.raises(ValidationError, match="no such file, and no shipped engine"):
            load_engine(name)


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path, engine_file: Path) -> None:
    file = write(tmp_path, "\ufeff" + POINTS + "100,10,4,9\n")
    assert len(read_measurements(file, load_engine(engine_file)).runs) == 1


def test_a_cut_archive_is_named(tmp_path: Path, engine_file: Path) -> None:
    file = tmp_path / "runs.csv.gz"
    whole = gzip.compress((POINTS + "100,10,4,9\n" * 500).encode())
    for content in (whole[:-20], whole[:10], b"", b"no gzip"):
        file.write_bytes(content)
        with pytest.raises(ValidationError, match=r"runs\.csv\.gz"):
            read_measurements(file, load_engine(engine_file))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"gpu: \xe9\n", "not YAML"),
        (b"[" * 3000, "not YAML"),
        (b"gpu: H100\nmodel: Llama-3.1-8B\nkv_blocks: 99999999999999\n", "kv_blocks: Input should be less than"),
        (b"gpu: H100\nmodel: Llama-3.1-8B\ngpu: A100\n", "3: gpu"),
        (b"gpu: H100\nmodel: Llama-3.1-8B\nfrontend_s: .inf\n", "frontend_s: Input should be less than"),
        (b"gpu: H100\nmodel: Llama-3.1-8B\nprofile: none.yaml\n", "profile: none.yaml cannot be read as a profile"),
    ],
)
def test_an_engine_that_cannot_be_read(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "engine.yaml"
    file.write_bytes(content)
    with pytest.raises(ValidationError) as error:
        load_engine(file)
    assert message in str(error.value)
    assert str(file) in str(error.value)
