"""Advice: what the scenario's rule would answer stands in a column, and whoever follows it is the rule."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim_env import Scenario, Simulator, load_scenario
from agentsim_env.agents import LinearPolicy
from agentsim_env.engine.core.decisions import DECISIONS
from agentsim_env.engine.tables import RULES
from agentsim_env.envs.advice_feature import ADVISED
from agentsim_env.envs.batch.batch import Batch
from agentsim_env.envs.decision_env import DecisionEnv
from agentsim_env.envs.joint import JointEnv
from agentsim_env.envs.routing import RoutingEnv
from agentsim_env.policies.weights import LinearWeights
from tests.small import PLAIN, small

ADVICE = {"decisions.advice": True}

TIERED: dict[str, Any] = {
    "cluster.tiers": [{"kind": "dram", "capacity_gib": 64.0, "link_gb_per_s": 2.0}],
    "cluster.instances.0.kv_blocks": 1500,
}

LANES: dict[str, Any] = {
    "extends": "consumer_gpu_lanes",
    "rules": {"rule_params": {"set_prefill_budget": None}},
    "episode": {"programs": 12, "warmup_programs": 2},
}

WORLD: dict[str, Any] = {
    "extends": "agent_world_evicted",
    "workload": {
        "mix": [{"family": "world_independent", "params": {"steps": 5, "prefix_tokens": {"value": 512}}}],
        "arrivals": {"users": 24},
    },
    "cluster": {"instances": [{"gpu": "H100", "kv_blocks": 400}]},
    "reward": {"terms": None},
    "episode": {"programs": 24, "warmup_programs": 2},
}

BY_REPORTS = ("scalesim", "kvflow", "oracle_next_use", "oracle_belady")

ROUNDED = ("evict_kv", "lru")
"""Where an agent is asked, eviction is timed, and times of plain LRU are added up in another order."""


def advised(kind: str, rule: str) -> Scenario:
    """A scenario in which a rule of a kind has much to decide, and advises."""
    changes = {**ADVICE, f"rules.{kind}": rule, "decisions.candidates": 4}
    if kind == "set_prefill_budget":
        return load_scenario(LANES, changes)
    if rule in BY_REPORTS:
        return load_scenario(WORLD, changes)
    if kind in ("prefetch_kv", "retain_kv"):
        return small("tight", changes | TIERED)
    return small("equal" if kind == "route_turn" else "tight", changes)


@pytest.mark.parametrize(("kind", "rule"), [(kind, rule) for kind in DECISIONS for rule in RULES[kind]])
def test_who_follows_it_is_the_rule(kind: str, rule: str) -> None:
    scenario = advised(kind, rule)
    closed, opened = (Simulator(scenario, agent_kinds=kinds) for kinds in ((), (kind,)))
    closed.reset(4)
    closed.run()
    opened.reset(4)
    assert opened.next_decision() is not None
    opened.run()
    if (kind, rule) == ROUNDED:
        np.testing.assert_allclose(opened.records().turns["end_s"], closed.records().turns["end_s"], rtol=1e-12)
    else:
        assert opened.records().content_hash() == closed.records().content_hash()


def test_without_advice_a_pin_is_one_of_the_grid() -> None:
    """So the records of the test above are equal because of it."""
    changes = {"rules.retain_kv": "infercept", **TIERED}
    closed, opened = (Simulator(small("tight", changes), agent_kinds=kinds) for kinds in ((), ("retain_kv",)))
    for simulator in (closed, opened):
        simulator.reset(4)
        simulator.run()
    assert opened.records().content_hash() != closed.records().content_hash()


def follower(env: DecisionEnv) -> LinearPolicy:
    """A policy that always follows the advice."""
    weights = np.zeros((len(env.feature_names), 1), np.float32)
    weights[env.feature_names.index(ADVISED)] = 1.0
    return LinearPolicy(LinearWeights(weights), env.feature_names, env.feature_names.index("allowed"))


def test_a_policy_with_a_weight_for_nothing_else_is_the_rule(tmp_path: Path) -> None:
    scenario = small("equal", {**ADVICE, "rules.route_turn": "power_of_two"})
    env = RoutingEnv(scenario, **PLAIN)
    agent = follower(env)
    observation, info = env.reset(seed=1)
    over = False
    while not over:
        observation, _, over, _, info = env.step(agent.act(observation, info))
    policies = {"rules.policies": {"route_turn": str(agent.save(tmp_path / "follower.safetensors"))}}
    inside, closed = Simulator(load_scenario(scenario, policies)), Simulator(scenario)
    for simulator in (inside, closed):
        simulator.reset(1)
        simulator.run()
        assert simulator.records().content_hash() == env.simulator.records().content_hash()


def answered_at_random(env: DecisionEnv, seed: int) -> tuple[list[tuple[np.ndarray, int]], np.ndarray]:
    """Of each decision of an episode the table and what the rule would answer; and the last table."""
    rng = np.random.default_rng(seed)
    observation, info = env.reset(seed=seed)
    seen, over = [], False
    while not over:
        seen.append((observation.reshape(env.candidate_shape), env.simulator.core.default()))
        observation, _, terminated, truncated, info = env.step(int(rng.choice(np.flatnonzero(info["action_mask"]))))
        over = terminated or truncated
    return seen, observation.reshape(env.candidate_shape)


KINDS = tuple(kind for kind in DECISIONS if kind != "set_prefill_budget")


def test_it_is_shown_and_changes_nothing_else() -> None:
    rules = {"rules.schedule_turn": "plas", "rules.route_turn": "power_of_two", "rules.retain_kv": "ttl"}
    changes = {**TIERED, **rules, "decisions.candidates": 4}
    without, shown = (JointEnv(small("tight", changes | more), kinds=KINDS) for more in ({}, ADVICE))
    assert set(shown.feature_names) - set(without.feature_names) == {ADVISED}
    column = shown.feature_names.index(ADVISED)
    plain, advice = (answered_at_random(env, 3)[0] for env in (without, shown))
    assert len(plain) == len(advice) > 100
    for (table, default), (with_it, same) in zip(plain, advice, strict=True):
        assert default == same
        assert np.flatnonzero(with_it[:, column]).tolist() == [default]
        assert np.array_equal(table, np.delete(with_it, column, axis=1))
    assert shown.simulator.records().content_hash() == without.simulator.records().content_hash()


def test_at_the_time_limit_nobody_advises() -> None:
    env = RoutingEnv(small("cut", ADVICE))
    assert env.feature_names[-1] == ADVISED
    _, last = answered_at_random(env, 0)
    assert env.simulator.truncated
    assert last.any()
    assert not last[:, -1].any()


def test_batches_show_it_too() -> None:
    env = RoutingEnv(small("equal", ADVICE))
    batch = Batch(RoutingEnv(small("equal", ADVICE)), 2)
    batch.reset([5, 6])
    for place, seed in enumerate((5, 6)):
        observation, _ = env.reset(seed=seed)
        assert observation.reshape(env.candidate_shape)[:, -1].sum() == 1.0
        assert np.array_equal(batch.rows.seen[place], observation)


def test_off_it_leaves_the_hash_of_a_scenario_as_it_was() -> None:
    off, on = small("equal", {"decisions.advice": False}), small("equal", ADVICE)
    assert off.content_hash() == small("equal").content_hash() != on.content_hash()
