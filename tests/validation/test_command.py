import csv
from pathlib import Path

from typer.testing import CliRunner

from agentsim_env.training.cli import app
from agentsim_env.validation.engine_description import load_engine


def call(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "160"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open() as opened:
        return list(csv.DictReader(opened))


def test_validate_prints_and_writes(tmp_path: Path, engine_file: Path) -> None:
    file = tmp_path / "requests.csv"
    file.write_text("arrival_s,in,out,first_token_s,last_token_s\n0,100,10,0.02,0.1\n1,200,20,1.02,1.2\n")
    (tmp_path / "points.csv").write_text("isl,osl,concurrency,ttft_ms,tpot_ms\n100,10,2,20,6\n")
    code, out = call("validate", tmp_path, "--engine", engine_file, "--out", tmp_path / "out")
    assert code == 0
    assert "TTFT" in out and "end to end" in out and "throughput" in out and "1 points" in out
    rows = rows_of(tmp_path / "out" / "validation.csv")
    assert {row["metric"] for row in rows} == {"ttft_s", "tpot_s", "e2e_s", "tokens_per_s"}
    for row in rows:
        assert float(row["error"]) == float(row["simulated"]) / float(row["measured"]) - 1
    single = rows_of(tmp_path / "out" / "requests.csv")
    assert [row["out"] for row in single] == ["10", "20"]
    assert float(single[0]["ttft_s_measured"]) == 0.02
    assert "| end to end |" in (tmp_path / "out" / "validation.md").read_text()
    assert (tmp_path / "out" / "validation.png").stat().st_size > 1000


def test_validate_errors_are_a_sentence(tmp_path: Path, engine_file: Path) -> None:
    code, out = call("validate", tmp_path / "none.csv", "--engine", engine_file)
    assert (code, "no such file or folder" in out, "Traceback" in out) == (2, True, False)
    code, out = call("validate", tmp_path, "--engine", "nothing")
    assert (code, "no such file, and no shipped engine" in out) == (2, True)


def test_calibrate_prints_errors_per_regime(tmp_path: Path) -> None:
    file = tmp_path / "measured.csv"
    file.write_text(
        "prefill_tokens,cached_tokens,decodes,context_tokens,ms\n"
        "0,0,1,1000,11\n0,0,8,1000,12\n0,0,32,1000,15\n512,0,0,0,40\n512,0,8,1000,44\n"
    )
    asked = ("--gpu", "RTX-PRO-6000", "--model", "Llama-3.1-8B")
    out = tmp_path / "profile.yaml"
    code, text = call("calibrate", file, *asked, "--out", out, "--picture", tmp_path / "picture.png")
    assert code == 0
    for regime in ("decode", "prefill", "mixed"):
        assert regime in text
    engine = tmp_path / "engine.yaml"
    engine.write_text("gpu: RTX-PRO-6000\nmodel: Llama-3.1-8B\nprofile: profile.yaml\n")
    assert 0.0109 < load_engine(engine).latency(1).iteration_s([1000]) < 0.0111
    assert (tmp_path / "picture.png").stat().st_size > 1000


def test_calibrate_errors_are_a_sentence(tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("prefill_tokens,decodes\n1,2\n")
    for path, gpu, message in (
        (tmp_path / "none", "H100", "no such file or folder"),
        (bad, "H100", "missing column cached_tokens, context_tokens, ms"),
        (tmp_path, "H100", "no known layout"),
        (bad, "H101", "unknown GPU 'H101'"),
    ):
        code, out = call("calibrate", path, "--gpu", gpu, "--model", "Llama-3.1-8B")
        assert code == 2
        assert message in out and "Traceback" not in out
