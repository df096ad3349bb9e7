"""Nothing dies of what a terminal cannot show, nor of one that has gone."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from tests.training.conftest import TINY

ROOT = Path(__file__).parents[2]
SETTINGS = [argument for change in TINY for argument in ("--set", change)]
NAME = "Zähler 評価"


@pytest.fixture
def simulate(tmp_path: Path) -> list[str]:
    """A command whose report has signs that few encodings know."""
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(f"extends: tool_chat\nname: {NAME}\n", encoding="utf-8")
    return ["simulate", "-s", str(scenario), *SETTINGS]


def start(arguments: list[str], encoding: str, stdout: int | IO[str] = subprocess.PIPE) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "agentsim_env.training.cli", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LC_ALL": "C"},
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "cp1252"])
def test_a_report_in_any_encoding(simulate: list[str], encoding: str) -> None:
    process = start(simulate, encoding)
    out, err = process.communicate()
    assert process.returncode == 0, err
    text = out.decode(encoding)
    assert "TTFT <= 0.5 s" in text
    assert ("Zahler ??" if encoding == "ascii" else "Zähler ??") in text
    assert "Traceback" not in err.decode()


def test_tables_of_an_evaluation_and_help_in_ascii() -> None:
    evaluate = ["evaluate", "-a", "random,least_loaded", "-s", "tool_chat", *SETTINGS, "--seeds", "2"]
    for arguments in (evaluate, ["train", "--help"], ["scenarios"], ["rules"]):
        process = start(arguments, "ascii")
        out, err = process.communicate()
        assert process.returncode == 0, err
        out.decode("ascii")


def test_an_output_that_nobody_reads_any_more_costs_no_records(simulate: list[str], tmp_path: Path) -> None:
    process = start([*simulate, "--out", str(tmp_path / "records")], "utf-8")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    error = process.stderr.read().decode()
    process.wait()
    process.stderr.close()
    assert (tmp_path / "records" / "summary.json").is_file()
    assert "Traceback" not in error
    assert "Exception" not in error


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_output_that_is_full_is_named(simulate: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        process = start(simulate, "utf-8", full)
        _, err = process.communicate()
    assert process.returncode in (1, 2)
    assert err.decode().endswith("agentsim: standard output: No space left on device\n")
