"""The table of speed: bars, parts that end, and the page that is made of it."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.bounded import CUT_OFF, run_bounded
from benchmarks.files import RESULTS, write_json
from benchmarks.measure import interleave
from benchmarks.performance.costs import costs, ladder
from benchmarks.performance.page import PAGE, page
from benchmarks.speed.parts import PARTS
from benchmarks.speed.rows import Bar, Row, cells, ratio


def test_a_bar_is_met_by_the_median() -> None:
    assert Row("a", "x", [1.0, 3.0, 100.0], Bar(3.0)).met
    assert not Row("a", "x", [1.0, 2.9, 100.0], Bar(3.0)).met
    assert Row("a", "s", [1.0, 1.5, 100.0], Bar(1.5, at_least=False)).met
    assert Row("a", "s", [1.0]).met is None


def test_a_ratio_is_taken_round_by_round() -> None:
    row = ratio({"a": [2.0, 9.0, 4.0], "b": [1.0, 3.0, 1.0]}, "a", "b", Bar(3.0))
    assert row.values == [2.0, 3.0, 4.0]
    assert cells(row) == ("a / b", "3", "2", "4", "x", "3", "≥ 3", "met")


def test_a_row_comes_back_from_its_file() -> None:
    for row in (Row("a", "x", [1.5, 2.5], Bar(3.0)), Row("b", "/ s", [1.0])):
        assert Row.from_json(json.loads(json.dumps(row.as_json()))) == row


def test_rounds_follow_a_run_off_the_record() -> None:
    calls: list[str] = []

    def task(name: str, amount: float) -> tuple[float, float]:
        calls.append(name)
        return amount, 2.0

    tasks = {"a": lambda: task("a", 4.0), "b": lambda: task("b", 6.0)}
    lengths = [(len(rates["a"]), rates["b"][-1]) for rates in interleave(tasks, 2)]
    assert calls == ["a", "b"] * 3
    assert lengths == [(1, 3.0), (2, 3.0)]


def test_a_command_is_cut_off_with_what_it_has_started(tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    grandchild = f"import time, pathlib; time.sleep(1.0); pathlib.Path({str(mark)!r}).touch()"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    assert run_bounded([sys.executable, "-c", child], 0.4) == CUT_OFF
    time.sleep(0.9)
    assert not mark.exists()


def test_a_command_says_how_it_ended() -> None:
    assert run_bounded([sys.executable, "-c", "raise SystemExit(3)"], 20.0) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says that a parent has ended")
def test_a_command_ends_with_what_has_started_it(tmp_path: Path) -> None:
    begun, mark = tmp_path / "begun", tmp_path / "alive"
    begin, end = (f"pathlib.Path({str(path)!r}).touch()" for path in (begun, mark))
    child = f"import time, pathlib; {begin}; time.sleep(1.0); {end}"
    starter = (
        f"import sys; from benchmarks.bounded import run_bounded; run_bounded([sys.executable, '-c', {child!r}], 60)"
    )
    process = subprocess.Popen([sys.executable, "-c", starter], cwd=PAGE.parents[1])
    while not begun.exists():
        time.sleep(0.02)
    process.kill()
    process.wait()
    time.sleep(1.2)
    assert not mark.exists()


def test_shares_add_up_and_rungs_are_differences() -> None:
    rows = [Row("draw", "ns", [100.0, 100.0]), Row("loop", "ns", [300.0])]
    assert costs(rows).splitlines()[2:] == ["| draw | 100 ns | 25 % |", "| loop | 300 ns | 75 % |"]
    assert ladder(rows).splitlines()[2:] == ["| draw | 100 ns | 100 ns |", "| loop | 300 ns | 200 ns |"]


def test_the_page_says_what_is_missed_and_what_is_not_measured(tmp_path: Path) -> None:
    where = {"cpu": "c", "cores": 2, "python": "3", "packages": {"numpy": "2", "numba": "0"}, "date": "2026-01-01"}
    row = Row("64 over 4", "x", [1.7], Bar(1.5, at_least=False)).as_json()
    part = {"machine": where, "seconds": 7.0, "problem": "cut off after 7 s", "rows": [row]}
    write_json(tmp_path / "speed.json", {"parts": {"scaling": part}})
    text = page(tmp_path)
    assert "| 64 over 4 | 1.7 x | ≤ 1.5 | **missed** |" in text
    assert "7 s, cut off after 7 s" in text
    for name in PARTS.keys() - {"scaling", "profile"}:
        assert f"Not measured yet: `python -m benchmarks.speed --only {name}`" in text
    assert "Not measured yet: `python -m benchmarks.peers`" in text


def test_the_page_is_what_the_results_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(RESULTS)
