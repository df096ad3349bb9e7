"""Programs as an agentic trace of AISimulate, and the table of both simulators."""

from pathlib import Path

import numpy as np
import pytest

from agentsim_env import ScenarioError, load_scenario
from agentsim_env.assembly import engines_of
from agentsim_env.load import prepare
from agentsim_env.workload.traces import read_trace
from benchmarks.peers.aisimulate import configuration
from benchmarks.peers.outcome import Outcome
from benchmarks.peers.table import are_equal, lines
from benchmarks.peers.trace import write_trace

FEW = {"episode.programs": 6, "episode.warmup_programs": 0}
RATE = FEW | {"workload.arrivals": {"process": "poisson", "rate_per_s": 1.0}}
CLOSED = FEW | {"workload.arrivals": {"process": "closed_loop", "users": 2, "think_time_s": 1.0}}


def test_the_trace_has_the_turns_of_the_programs(tmp_path: Path) -> None:
    programs = prepare(load_scenario("coding_agents", RATE)).draw(3)
    path = tmp_path / "trace.jsonl"
    write_trace(programs, path, "a model")
    read = read_trace(path).programs
    for name in ("program", "prompt_tokens", "new_tokens", "output_tokens", "n_edges", "n_parents"):
        assert np.array_equal(read.turn[name], programs.turn[name]), name
    assert np.allclose(read.edge["gap_s"], programs.edge["gap_s"], atol=1e-9)
    shifted = programs.program["arrival_s"] - programs.program["arrival_s"][0]
    assert np.allclose(read.program["arrival_s"], shifted, atol=1e-9)


def test_what_the_trace_cannot_say_is_refused(tmp_path: Path) -> None:
    programs = prepare(load_scenario("coding_agents", CLOSED)).draw(0)
    with pytest.raises(ValueError, match="programs that wait for others, which an agentic trace cannot say"):
        write_trace(programs, tmp_path / "trace.jsonl", "a model")


def test_the_instances_are_described_or_refused() -> None:
    scenario = load_scenario("coding_agents")
    engines = engines_of(scenario)
    text = configuration(scenario, engines, Path("/trace.jsonl"))
    for line in ("replicas: 4", "hardware: h100_sxm", f"blocks: {engines[0].kv_blocks}", "max_batched_tokens: 2048"):
        assert line in text
    for name, problem in (("coding_agents_heterogeneous", "differ"), ("consumer_gpu_lanes", "cluster.model is")):
        other = load_scenario(name)
        with pytest.raises(ScenarioError, match=problem):
            configuration(other, engines_of(other), Path("/trace.jsonl"))


def test_counts_have_to_be_equal() -> None:
    ours = Outcome(10, 1000, 100, [900.0, 1000.0, 1100.0], 1.0, 50.0, 0.3, 0.02, 0.8)
    theirs = ours._replace(output_tokens=99, turns_per_s=[2.0], mean_jct_s=40.0)
    assert are_equal(ours, ours) and not are_equal(ours, theirs)
    rows = {row[0]: row[1:] for row in lines(ours, theirs)}
    assert rows["turns"] == ("10", "10", "equal")
    assert rows["output tokens"] == ("100", "99", "+1")
    assert rows["mean JCT (s)"] == ("50.0", "40.0", "+25.0 %")
    assert rows["turns per second of the replay"] == ("1,000", "2", "")
    assert {row[2] for row in lines(ours, None)} == {""}
