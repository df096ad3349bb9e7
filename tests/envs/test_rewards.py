"""What the rewards of an episode add up to."""

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest

from agentsim_env.envs.prefetch import PrefetchEnv
from agentsim_env.envs.rewards import TERMS
from agentsim_env.envs.routing import RoutingEnv
from agentsim_env.metrics import Records
from agentsim_env.scenario.reward import Term
from tests.small import PLAIN, SMALL, play, small

SEEDS = (0, 1, 2)
COMPLETE = [name for name in SMALL if name != "cut"]


def returns(name: str, seed: int, overrides: dict[str, Any] | None = None, **how: bool) -> tuple[float, RoutingEnv]:
    env = RoutingEnv(small(name, overrides), **PLAIN)
    rewards, _ = play(env, seed, **how)
    return float(np.sum(rewards)), env


def charges_s(records: Records, env: RoutingEnv) -> float:
    """Mean charge of a counted program for failing."""
    failed = np.isin(records.counted_programs["state"], ("failed", "rejected"))
    return env.scenario.reward.reject_penalty_s * failed.mean()


def busy_s(records: Records) -> np.ndarray:
    """Time that each counted program has a turn in the cluster: the union of its turns' stays, until its end."""
    total = np.zeros(len(records.programs))
    for p, program in enumerate(records.programs):
        end_s = records.now_s if np.isnan(program["end_s"]) else program["end_s"]
        covered_s = -np.inf
        turns = records.turns[(records.turns["program"] == p) & ~np.isnan(records.turns["ready_s"])]
        for turn in turns[np.argsort(turns["ready_s"])]:
            left_s = end_s if np.isnan(turn["end_s"]) else min(end_s, turn["end_s"])
            total[p] += max(0.0, left_s - max(covered_s, turn["ready_s"]))
            covered_s = max(covered_s, left_s)
    return total[records.programs["counted"]]


def test_every_term_of_a_scenario_has_a_meaning() -> None:
    assert tuple(TERMS) == get_args(Term)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("illegal", [False, True], ids=["legal", "any"])
@pytest.mark.parametrize("name", COMPLETE)
def test_return_is_minus_mean_jct_without_gaps(name: str, seed: int, illegal: bool) -> None:
    found, env = returns(name, seed, illegal=illegal)
    records = env.simulator.records()
    programs = records.counted_programs
    assert not np.isnan(programs["end_s"]).any()
    mean_jct_s = np.mean(programs["end_s"] - programs["arrival_s"])
    expected = -(mean_jct_s - programs["gap_s"].mean() + charges_s(records, env)) / env.scenario.reward.unit_s
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", COMPLETE)
def test_return_with_gaps_is_minus_mean_jct(name: str, seed: int) -> None:
    found, env = returns(name, seed, {"reward.count_gaps": True})
    records = env.simulator.records()
    programs = records.counted_programs
    mean_jct_s = np.mean(programs["end_s"] - programs["arrival_s"])
    assert found == pytest.approx(-(mean_jct_s + charges_s(records, env)) / env.scenario.reward.unit_s, abs=1e-6)


@pytest.mark.parametrize("name", ["equal", "faulty", "graphs"])
def test_return_is_made_of_the_figures_of_the_summary(name: str) -> None:
    found, env = returns(name, seed=0)
    summary = env.simulator.summary()
    assert summary["programs_done"] == summary["programs"]
    unit_s = env.scenario.reward.unit_s
    assert found == pytest.approx(-(summary["mean_jct_s"] - summary["mean_gap_s"]) / unit_s, abs=1e-6)


@pytest.mark.parametrize("name", ["equal", "tight", "faulty", "cut"])
def test_return_is_minus_the_time_that_programs_have_turns_in_the_cluster(name: str) -> None:
    """Without tool servers, where a call in a queue would count as well."""
    found, env = returns(name, seed=0)
    records = env.simulator.records()
    mean_s = busy_s(records).mean() + charges_s(records, env)
    assert found == pytest.approx(-mean_s / env.scenario.reward.unit_s, abs=1e-6)


def test_waiting_for_a_tool_server_counts() -> None:
    """The same programs with a server for one call at a time: their calls queue, and queueing is no gap."""
    tools = {"workload.tools": {"shell": {"concurrency": 1}}}
    found, env = returns("graphs", 0, tools)
    records = env.simulator.records()
    programs = records.counted_programs
    assert np.mean(programs["end_s"] - programs["arrival_s"] - programs["gap_s"]) > busy_s(records).mean() + 1.0
    assert found < -(busy_s(records).mean() + 1.0) / env.scenario.reward.unit_s


def test_failing_is_charged_once_a_program() -> None:
    cheap, env = returns("tight", 1, {"reward.reject_penalty_s": 0.0})
    dear, _ = returns("tight", 1, {"reward.reject_penalty_s": 5000.0})
    programs = env.simulator.records().counted_programs
    n_failed = int((programs["state"] == "failed").sum())
    assert 0 < n_failed < len(programs)
    assert cheap - dear == pytest.approx(5000.0 * n_failed / (env.scenario.reward.unit_s * len(programs)), abs=1e-6)


def test_time_before_the_first_decision_is_paid_for() -> None:
    """A program that waits for the gateway alone is in the system, and one that fails at once is charged."""
    found, env = returns("equal", 0, {"cluster.frontend_s": 20.0, "episode.programs": 3, "reward.unit_s": 1.0})
    programs = env.simulator.records().counted_programs
    assert found == pytest.approx(-np.mean(programs["end_s"] - programs["arrival_s"] - programs["gap_s"]), abs=1e-6)


@pytest.mark.parametrize("name", SMALL)
def test_time_in_the_system_is_never_rewarded(name: str) -> None:
    rewards, _ = play(RoutingEnv(small(name), **PLAIN), seed=0)
    assert max(rewards) <= 0.0
    assert min(rewards) < 0.0


def in_system_s(records: Records) -> float:
    """Time in which at least one counted program had arrived and not ended."""
    total, covered_s = 0.0, -np.inf
    programs = records.counted_programs
    for program in programs[np.argsort(programs["arrival_s"])]:
        total += max(0.0, program["end_s"] - max(covered_s, program["arrival_s"]))
        covered_s = max(covered_s, program["end_s"])
    return total


METRICS: dict[str, Callable[[RoutingEnv, Records, dict[str, float]], float]] = {
    "time_in_system": lambda env, records, figures: -(figures["mean_jct_s"] - figures["mean_gap_s"]) / 10.0,
    "ttft": lambda env, records, figures: -figures["mean_ttft_s"],
    "tpot": lambda env, records, figures: -figures["mean_tpot_s"],
    "slo_violation": lambda env, records, figures: figures["turns_in_slo"] - 1.0,
    "throughput": lambda env, records, figures: figures["programs_done"] / figures["programs"],
    "recomputed_tokens": lambda env, records, figures: (
        -figures["recomputed_tokens"] / records.counted_turns["prompt_tokens"].sum()
    ),
    "cost": lambda env, records, figures: (
        -in_system_s(records)
        * sum(engine.price_per_hour / 3600 for engine in env.simulator.engines)
        / figures["programs"]
    ),
    "wasted_token_seconds": lambda env, records, figures: (
        -figures["wasted_token_s"] / (16 * records.instances["capacity_blocks"].sum()) / figures["programs"]
    ),
}
"""Sum of the rewards of a term, from the figures of the episode, where every program is done."""

WORLD_METRICS: dict[str, Callable[[dict[str, float]], float]] = {
    "step_stall": lambda figures: -figures["mean_step_stall_s"],
    "wasted_bytes": lambda figures: -figures["wasted_bytes"] / 1e9 / figures["programs"],
}
"""The same for terms about what only simulated worlds and transfers have."""


def with_terms(**terms: float) -> dict[str, Any]:
    strict = {"reward.unit_s": 10.0, "slo.ttft_s": 0.03, "slo.tpot_s": 0.008}
    return {**strict, "reward.terms": {"time_in_system": 0.0, **terms}}


@pytest.mark.parametrize("name", ["equal", "faulty", "graphs"])
@pytest.mark.parametrize("term", METRICS)
def test_a_term_adds_up_to_its_metric(term: str, name: str) -> None:
    found, env = returns(name, 0, with_terms(**{term: 1.0}))
    expected = METRICS[term](env, env.simulator.records(), env.simulator.summary())
    assert expected != 0.0
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_every_term_is_held_against_a_metric() -> None:
    assert METRICS.keys() | WORLD_METRICS.keys() == TERMS.keys()


@pytest.mark.parametrize("term", WORLD_METRICS)
def test_a_term_of_a_world_adds_up_to_its_metric(term: str) -> None:
    """Two worlds whose steps take a while by themselves, in which random contexts are brought up."""
    params = {"steps": 6, "prefix_tokens": {"value": 512}, "step_s": 0.05, "society_size": 12}
    env = PrefetchEnv(
        "agent_world",
        {
            "workload.mix": [{"family": "world_independent", "params": params}],
            "workload.arrivals.users": 24,
            "episode": {"programs": 24, "warmup_programs": 0},
            "cluster.instances": [{"gpu": "H100", "kv_blocks": 400}],
            "reward.terms": {term: 1.0},
        },
        **PLAIN,
    )
    expected = WORLD_METRICS[term]
    rewards, _ = play(env, seed=0)
    figures = env.simulator.summary()
    assert expected(figures) < 0.0
    assert np.sum(rewards) == pytest.approx(expected(figures), rel=1e-9)


def test_terms_are_weighted_and_added() -> None:
    weights = dict(zip(TERMS, (1.0, 2.0, 30.0, 0.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0), strict=True))
    alone = {term: returns("equal", 1, with_terms(**{term: 1.0}))[0] for term in TERMS}
    together, _ = returns("equal", 1, with_terms(**weights))
    assert together == pytest.approx(sum(weights[term] * alone[term] for term in TERMS), abs=1e-9)


def test_turns_of_failed_programs_count_in_the_terms_of_turns() -> None:
    found, env = returns("tight", 0, {"reward.terms": {"time_in_system": 0.0, "ttft": 1.0}})
    turns = env.simulator.records().counted_turns
    ended = ~np.isnan(turns["end_s"])
    assert not ended.all()
    assert found == pytest.approx(-np.sum((turns["first_token_s"] - turns["ready_s"])[ended]) / len(turns), abs=1e-6)


def test_turns_of_a_single_token_have_no_time_per_further_token() -> None:
    env = RoutingEnv(small("equal", {"reward.terms": {"time_in_system": 0.0, "tpot": 1.0}}), **PLAIN)
    programs = env.simulator.source.draw(0)
    programs.turn["output_tokens"][::2] = 1
    _, info = env.reset(seed=0, options={"programs": programs})
    found = 0.0
    while "seed" not in info:
        _, reward, *_, info = env.step(0)
        found += reward
    assert found == pytest.approx(-env.simulator.summary()["mean_tpot_s"], abs=1e-6)


def test_an_episode_does_not_pay_for_the_one_before() -> None:
    env = RoutingEnv(small("equal"), **PLAIN)
    first, _ = play(env, seed=1)
    env.reset(seed=2)
    env.step(0)
    assert play(env, seed=1)[0] == first
