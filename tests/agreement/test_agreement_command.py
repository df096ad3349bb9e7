"""`python -m tests.agreement`: a range that agrees, and a planted difference that is found, made small and printed."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.agreement import compare
from tests.agreement.__main__ import main
from tests.agreement.scenario import Scenario
from tests.agreement.shrink import shrink
from tests.agreement.written import IMPORTS, written
from tests.engine.random_scenarios import build, knobs_of
from tests.interrupts import hear_interrupts
from tests.reference.records import Records

ROOT = compare.__file__.rsplit("/tests/", 1)[0]


def made(source: str) -> Scenario:
    names: dict[str, object] = {}
    exec(IMPORTS + source, names)
    scenario = names["scenario"]
    assert isinstance(scenario, Scenario)
    return scenario


def same_workload(one: Scenario, other: Scenario) -> bool:
    pairs = zip(one.programs, other.programs, strict=True)
    return all((a == b).all() if isinstance(a, np.ndarray) else a == b for a, b in pairs)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that computes one token too many for each turn that was preempted."""
    right: Callable[[Scenario], Records] = compare.engine_records

    def wrong(scenario: Scenario) -> Records:
        records = right(scenario)
        records.turns["computed_tokens"] += records.turns["preemptions"] > 0
        return records

    monkeypatch.setattr(compare, "engine_records", wrong)


def test_a_range_that_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "500000:500003"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("compared: 3 scenarios, ")
    assert "differ" not in out


def test_workers_compare_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "500000:500006"]) == 0
    alone = capsys.readouterr().out
    assert main(["--seeds", "500000:500006", "--jobs", "2"]) == 0
    assert capsys.readouterr().out == alone


@pytest.mark.usefixtures("planted")
def test_a_difference_is_found_made_small_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    seed = next(seed for seed in range(500000, 500100) if compare.compare(build(knobs_of(seed))).found)
    assert main(["--seeds", f"{seed}:{seed + 1}"]) == 1
    out = capsys.readouterr().out
    assert out.endswith(f"1 of 1 differ: seeds {seed}\n")
    assert f"seed {seed}: " in out
    small = made(out[out.index("work = ") : out.index("# turns[")])
    assert compare.compare(small).found
    # One that is preempted, and one that it was short of blocks for.
    assert len(small.programs.turn) <= 2
    assert len(small.specs) == 1
    assert written(small) == written(Scenario(small.programs, small.specs)), "rules that do not matter are still there"


@pytest.mark.parametrize("seed", range(500000, 500020))
def test_what_is_printed_is_the_scenario(seed: int) -> None:
    scenario = build(knobs_of(seed))
    again = made(written(scenario))
    assert same_workload(again, scenario)
    assert written(again) == written(scenario)
    assert compare.reference_records(again).end_s == compare.reference_records(scenario).end_s


@pytest.mark.parametrize("seed", range(500000, 500020))
def test_whatever_is_taken_away_leaves_a_scenario_that_agrees(seed: int) -> None:
    """With few programs, so that every kind of edit has its turn."""
    tried = []

    def is_wrong(smaller: Scenario) -> bool:
        tried.append(compare.compare(smaller).found)
        return not tried[-1]

    shrink(build(replace(knobs_of(seed), n_programs=4)), is_wrong, trials=30)
    assert tried
    assert tried == [()] * len(tried)


def test_shrinking_ends_when_nothing_can_be_taken_away() -> None:
    scenario = shrink(build(knobs_of(500000)), lambda smaller: True)
    assert len(scenario.programs.turn) == len(scenario.specs) == 1
    assert written(scenario) == written(Scenario(scenario.programs, scenario.specs))


@pytest.mark.parametrize("seeds", ["3", "5:5", "7:2", "-1:4", "a:b"])
def test_a_range_of_seeds_is_needed(seeds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([f"--seeds={seeds}"])
    assert "is no range A:B of seeds" in capsys.readouterr().err


def test_a_knob_may_be_given_to_all_scenarios(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds=500000:500002", "--knob", "n_programs=1", "--knob", "societies=0"]) == 0
    assert "2 scenarios, 2 programs" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--seeds=0:1", "--knob", "programs=1"])
    assert "names no knob; there are: n_instances, n_programs" in capsys.readouterr().err


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_what_is_known_at_a_stop_is_printed(stop: signal.Signals) -> None:
    command = [sys.executable, "-m", "tests.agreement", "--seeds", "0:10000000", "--jobs", "2"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, preexec_fn=hear_interrupts
    ) as process:
        time.sleep(8)
        process.send_signal(stop)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "of 10,000,000 seeds" in out
