"""Hit rates of requests that have nothing in common, where memory is so short that turns are preempted."""

import json
from typing import Any

import numpy as np
import pytest

from agentsim_env import Simulator, load_scenario
from agentsim_env.envs.admission import AdmissionEnv
from agentsim_env.envs.routing import RoutingEnv
from agentsim_env.metrics.report import markdown
from agentsim_env.workload import ChainTurn, ProgramBuilder
from agentsim_env.workload.traces import read_trace
from tests.metrics.episodes import engine, run
from tests.small import play

REQUESTS = 1000


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A thousand requests in ten seconds on two instances that hold the contexts of three or four each."""
    path = tmp_path_factory.mktemp("trace") / "nothing_shared.jsonl"
    rng = np.random.default_rng(0)
    with path.open("w", encoding="utf-8") as lines:
        for number in range(REQUESTS):
            blocks = [4 * number + block for block in range(4)]
            request = {"timestamp": 10 * number, "input_length": 4 * 512, "output_length": int(rng.integers(100, 900))}
            lines.write(json.dumps(request | {"hash_ids": blocks}) + "\n")
    return {
        "cluster": {"model": "Llama-3.1-8B", "instances": [{"gpu": "H100", "count": 2, "kv_blocks": 600}]},
        "workload": {"trace": {"path": str(path)}, "arrivals": {"process": "trace"}},
        "episode": {"warmup_programs": 0},
    }


def test_nothing_is_found_but_what_preempted_turns_have_left(scenario: dict[str, Any]) -> None:
    assert read_trace(scenario["workload"]["trace"]["path"]).report.prefix_reuse == 0.0
    simulator = Simulator(load_scenario(scenario))
    simulator.reset(seed=0)
    simulator.run()
    records, figures = simulator.records(), simulator.summary()
    assert figures["preemptions"] > 100
    assert figures["hit_rate"] == 0.0
    assert not records.turns["hit_tokens"].any()
    assert not records.instances["hit_tokens"].any()
    assert records.instances["lookup_tokens"].sum() == figures["prompt_tokens"] == REQUESTS * 2048
    assert figures["readmission_lookup_tokens"] == records.instances["readmission_lookup_tokens"].sum()
    assert 0.0 < figures["readmission_hit_rate"] < 1.0
    # Nobody had had anything of a prompt before: all that is computed beyond the prompts is computed again.
    computed = records.turns["computed_tokens"].sum(dtype=np.int64)
    assert figures["recomputed_tokens"] == computed - REQUESTS * 2048
    report = markdown(records)
    assert "| hit rate | 0.0 % |" in report
    assert f"| hit rate of re-admissions | {100 * figures['readmission_hit_rate']:.1f} % |" in report


@pytest.mark.parametrize("environment", [RoutingEnv, AdmissionEnv])
def test_agents_are_told_the_same(scenario: dict[str, Any], environment: type[RoutingEnv]) -> None:
    env = environment(load_scenario(scenario))
    _, info = play(env, seed=0)
    assert info["preemptions"] > 0
    assert info["hit_rate"] == 0.0


def test_what_is_found_of_others_does_not_pay_for_what_is_computed_again() -> None:
    builder = ProgramBuilder()
    system = builder.add_segment(2)
    for arrival_s in (0.0, 10.0, 10.0):
        builder.add_chain(builder.add_program(arrival_s), [ChainTurn(14, 30)], parent=system)
    records = run(builder.build(), [engine(kv_blocks=6)])
    (again,) = np.flatnonzero(records.turns["preemptions"])
    row = records.turns[again]
    assert (row["hit_tokens"], row["prompt_tokens"], row["new_tokens"]) == (32, 46, 46)
    # 14 tokens once; the rest a second time.
    assert row["recomputed_tokens"] == row["computed_tokens"] - 14 > 0
