"""Trained policies that a scenario names answer where an agent would be asked, and leave the same records."""

from pathlib import Path

import numpy as np
import pytest

from agentsim_env import ScenarioError, Simulator, load_scenario
from agentsim_env.agents import LinearPolicy
from agentsim_env.envs.compiled_play import CompiledPlay
from agentsim_env.envs.routing import RoutingEnv
from agentsim_env.policies.weights import LinearWeights
from tests.small import play, small


@pytest.fixture(scope="module")
def policy() -> LinearPolicy:
    names = RoutingEnv(small("equal")).feature_names
    weight = np.random.default_rng(5).standard_normal((len(names), 1)).astype(np.float32)
    return LinearPolicy(LinearWeights(weight), names, names.index("allowed"))


@pytest.fixture
def path(policy: LinearPolicy, tmp_path: Path) -> str:
    return str(policy.save(tmp_path / "router.safetensors"))


@pytest.mark.parametrize("name", ["equal", "faulty"])
def test_a_policy_of_the_scenario_answers_as_the_agent(policy: LinearPolicy, path: str, name: str) -> None:
    env = RoutingEnv(small(name))
    assert policy.scorer is not None
    env.simulator.reset(seed=2)
    assert CompiledPlay("route_turn", policy.scorer, env.candidate_shape).play(env.simulator) > 0
    simulator = Simulator(small(name, {"rules.policies.route_turn": path}))
    simulator.reset(seed=2)
    assert simulator.next_decision() is None
    assert simulator.records().content_hash() == env.simulator.records().content_hash()


def test_an_agent_of_the_same_kind_goes_before_it(path: str) -> None:
    overrides = {"rules.policies.route_turn": path}
    rewards, _ = play(RoutingEnv(small("equal", overrides)), seed=1)
    assert rewards == play(RoutingEnv(small("equal")), seed=1)[0]


def test_a_rule_that_is_asked_for_takes_its_place(path: str) -> None:
    rules = {"route_turn": "round_robin"}
    hashes = set()
    for overrides in ({}, {"rules.policies.route_turn": path}):
        simulator = Simulator(small("equal", overrides), rules=rules)
        simulator.reset(seed=1)
        simulator.run()
        hashes.add(simulator.records().content_hash())
    assert len(hashes) == 1


def test_counts_by_its_content(policy: LinearPolicy, path: str, tmp_path: Path) -> None:
    plain = small("equal")
    moved = str(policy.save(tmp_path / "moved.safetensors"))
    with_policy = [small("equal", {"rules.policies.route_turn": file}).content_hash() for file in (path, moved)]
    assert plain.content_hash() not in with_policy
    assert len(set(with_policy)) == 1


def test_says_what_does_not_fit(path: str, tmp_path: Path) -> None:
    missing = small("equal", {"rules.policies.route_turn": str(tmp_path / "none.safetensors")})
    with pytest.raises(ScenarioError, match=r"rules\.policies\.route_turn: .*none\.safetensors: no such file"):
        Simulator(missing)
    with pytest.raises(ScenarioError, match=r"rules\.policies\.schedule_turn = .*: trained on other features"):
        Simulator(small("equal", {"rules.policies.schedule_turn": path}))
    with pytest.raises(ScenarioError, match=r"rules\.policies\.route: unknown kind of decision"):
        load_scenario(small("equal"), {"rules.policies.route": path})
