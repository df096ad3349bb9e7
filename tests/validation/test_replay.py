"""Replays against times that can be worked out by hand, and against what was measured."""

from pathlib import Path

import numpy as np
import pytest

from agentsim_env.validation.command import validate
from agentsim_env.validation.engine_description import EngineDescription, load_engine
from agentsim_env.validation.errors import compare
from agentsim_env.validation.fidelity_runs import misses, reported_runs
from agentsim_env.validation.load_programs import from_load
from agentsim_env.validation.measurements import Load, Run
from agentsim_env.validation.problems import ValidationError
from agentsim_env.validation.replay import replay
from agentsim_env.validation.timings import Timings


@pytest.fixture
def engine(engine_file: Path) -> EngineDescription:
    return load_engine(engine_file)


def requests(*rows: tuple[float, int, int]) -> Timings:
    arrival_s, prompt, output = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    return Timings(arrival_s, prompt, output, arrival_s + 1.0, arrival_s + 2.0)


def test_a_single_request_takes_its_iterations(engine: EngineDescription) -> None:
    engine = engine.model_copy(update={"frontend_s": 0.01})
    profile = engine.latency(1)
    found = replay(Run("one", "", requests=requests((0.0, 100, 4))), engine).requests
    assert found.ttft_s[0] == pytest.approx(0.01 + profile.iteration_s(chunks=[(100, 0)]))
    steps = [profile.iteration_s([context]) for context in (101, 102, 103)]
    assert found.tpot_s[0] == pytest.approx(np.mean(steps))
    assert found.e2e_s[0] == pytest.approx(found.ttft_s[0] + sum(steps))


def test_replicas_take_requests_in_turn(engine: EngineDescription) -> None:
    engine = engine.model_copy(update={"replicas": 2})
    found = replay(Run("two", "", requests=requests((0.0, 100, 4), (0.0, 100, 4))), engine).requests
    assert found.end_s[0] == found.end_s[1]


def test_closed_loop_keeps_its_clients_busy(engine: EngineDescription) -> None:
    load = Load(50, 5, 1.0, "closed", 3, 0.0, 9)
    found = replay(Run("closed", "", load=load), engine).requests
    assert np.sort(found.arrival_s[3:]) == pytest.approx(np.sort(found.end_s)[:6])


def test_open_loops_have_the_asked_rate() -> None:
    constant = from_load(Load(50, 5, 1.0, "constant", 0, 4.0, 5), 16)
    assert constant.program["arrival_s"].tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    poisson = from_load(Load(50, 5, 1.0, "poisson", 0, 4.0, 4000), 16)
    assert np.mean(np.diff(poisson.program["arrival_s"])) == pytest.approx(0.25, rel=0.05)


def test_lengths_spread_below_their_label() -> None:
    turn = from_load(Load(1000, 200, 0.8, "closed", 4, 0.0, 400), 16).turn
    assert 800 <= turn["prompt_tokens"].min() < 810
    assert 990 < turn["prompt_tokens"].max() <= 1000
    assert 160 <= turn["output_tokens"].min() <= turn["output_tokens"].max() <= 200


def test_a_request_that_cannot_fit_is_an_error(engine: EngineDescription) -> None:
    with pytest.raises(ValidationError, match="a request of 70001 tokens; the engine can hold 64000"):
        replay(Run("long", "", requests=requests((0.0, 70_000, 1))), engine)


def test_errors_of_a_run_against_itself_are_zero(engine: EngineDescription) -> None:
    arrivals = requests(*((0.1 * i, 50 + i, 3 + i) for i in range(20)))
    once = replay(Run("run", "", requests=arrivals), engine)
    outcome = compare(Run("run", "", requests=once.requests), once, 0.0)
    assert all(found.error == 0 for found in outcome.differences)
    slower = once.requests._replace(end_s=once.requests.end_s + 1.0)
    outcome = compare(Run("run", "", requests=slower), once, 0.0)
    found = outcome.difference("e2e_s", "mean")
    assert found is not None and found.simulated == pytest.approx(found.measured - 1.0)


@pytest.mark.parametrize("run", [run for run in reported_runs() if "RTX" in run.title], ids=lambda run: run.title)
def test_request_runs_stay_as_good_as_the_page_says(run, measured: Path) -> None:
    result = run.replay(measured)
    if "Qwen" not in run.title:
        assert misses(run, result) == []


@pytest.mark.parametrize(
    ("engine", "tpot", "ttft"), [("h100_llama-3.1-70b_fp8", 0.05, 0.15), ("b200_llama-3.1-70b_fp8", 0.05, 0.15)]
)
def test_closed_loops_stay_within_what_is_asked(engine: str, tpot: float, ttft: float, measured: Path) -> None:
    outcomes = validate(measured / "silicon_closed_loop.csv", engine).outcomes
    for metric, bar in (("tpot_s", tpot), ("ttft_s", ttft)):
        found = [outcome.difference(metric, "mean") for outcome in outcomes]
        assert np.mean([abs(one.error) for one in found if one]) <= bar
