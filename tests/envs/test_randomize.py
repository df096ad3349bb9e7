"""Environments whose scenario draws something for each episode."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from agentsim_env.envs import make_sb3_vec
from agentsim_env.envs.errors import EnvError
from agentsim_env.envs.joint import JointEnv
from agentsim_env.envs.multi_agent import JointAEC
from agentsim_env.envs.routing import RoutingEnv
from agentsim_env.scenario.draws import Drawing
from tests.envs.test_environments import same
from tests.small import PLAIN, drawn, small

WIDEST = 4


def test_spaces_are_those_of_the_largest_cluster_and_what_is_not_there_cannot_be_chosen() -> None:
    env = RoutingEnv(drawn(), **PLAIN)
    assert env.candidate_shape[0] == WIDEST
    seed_of = {Drawing(drawn()).of(seed).scenario.cluster.n_instances: seed for seed in range(12)}
    assert set(seed_of) == {2, 3, WIDEST}
    for n, seed in seed_of.items():
        observation, info = env.reset(seed=seed)
        assert len(env.simulator.engines) == n
        table = observation.reshape(env.candidate_shape)
        assert env.observation_space.contains(observation)
        assert (table[:n] != 0).any(axis=1).all()
        assert not table[n:].any()
        assert info["action_mask"].tolist() == [1] * n + [0] * (WIDEST - n)
        assert env.action_masks().tolist() == (info["action_mask"] == 1).tolist()
        if n < WIDEST:
            env.step(WIDEST - 1)
            assert env.figures()["refused_actions"] == 1


def test_info_says_at_both_ends_of_an_episode_what_was_drawn() -> None:
    env, found = RoutingEnv(drawn(), **PLAIN), Drawing(drawn()).of(3)
    _, info = env.reset(seed=3)
    assert info["drawn"] == found.values
    over = False
    while not over:
        _, _, terminated, truncated, info = env.step(int(np.argmax(info["action_mask"])))
        over = terminated or truncated
        assert ("drawn" in info) == over
    assert info["drawn"] == found.values
    assert "drawn" not in RoutingEnv(small("equal")).reset(seed=3)[1]


def test_the_same_actions_see_what_they_see_in_the_drawn_scenario_alone() -> None:
    found = Drawing(drawn()).of(5).scenario
    for make in (RoutingEnv, JointEnv):
        env, alone = make(drawn(), **PLAIN), make(found, **PLAIN)
        n, columns = alone.candidate_shape
        observation, info = env.reset(seed=5)
        expected, known = alone.reset(seed=5)
        for _ in range(30):
            assert np.array_equal(observation.reshape(-1, columns)[:n], expected.reshape(n, columns))
            assert np.array_equal(info["action_mask"][:n], known["action_mask"])
            action = int(np.argmax(known["action_mask"]))
            observation, reward, *_, info = env.step(action)
            expected, known_reward, *_, known = alone.step(action)
            assert reward == known_reward


def test_a_snapshot_is_of_the_cluster_that_was_drawn() -> None:
    env = RoutingEnv(drawn(), **PLAIN)
    _, info = env.reset(seed=1)
    snapshot, before = env.snapshot(), env.simulator.drawn
    seen = env.step(0)
    env.reset(seed=2)
    assert env.simulator.drawn != before
    _, again = env.restore(snapshot)
    assert np.array_equal(again["action_mask"], info["action_mask"])
    assert same(list(env.step(0)), list(seen))


def test_gymnasium_checker_has_no_complaint() -> None:
    check_env(gymnasium.make("AgentSim/Routing-v1", scenario=drawn()).unwrapped)


def test_instances_as_agents_are_those_of_the_largest_cluster() -> None:
    env = JointAEC(drawn(), agents="instances")
    assert len(env.possible_agents) == WIDEST + 1
    env.reset(seed=0)
    for agent in env.agent_iter(max_iter=20):
        seen, _, terminated, truncated, _ = env.last()
        assert seen is not None
        env.step(None if terminated or truncated else int(np.argmax(seen["action_mask"])))
        assert agent in env.possible_agents


def test_a_cluster_where_nothing_is_to_be_routed_is_refused() -> None:
    draws = {"randomize.cluster.instances.0.count": {"uniform": [1, 3]}}
    with pytest.raises(EnvError, match="at least 2 instances"):
        RoutingEnv(drawn(draws))


def test_vector_environments_say_what_was_drawn() -> None:
    path = "cluster.instances.0.count"
    vec: Any = gymnasium.make_vec("AgentSim/Routing-v1", num_envs=3, scenario=drawn(), split=None)
    _, infos = vec.reset(seed=0)
    expected = [Drawing(drawn()).of(seed).values[path] for seed in range(3)]
    assert infos["drawn"][path].tolist() == expected
    vec.close()
    sb3 = make_sb3_vec("Routing", 3, seed=0, scenario=drawn(), split=None)
    sb3.reset()
    assert [info["drawn"][path] for info in sb3.reset_infos] == expected
    sb3.close()


# Several scenarios in one batch.


def test_environments_of_a_batch_take_several_scenarios_in_turn() -> None:
    scenarios = [small("equal"), small("equal", {"cluster.view_delay_s": 1.0})]
    vec = make_sb3_vec("Routing", 3, seed=0, scenario=scenarios, split=None)
    seen = vec.reset()
    for place in range(3):
        env = RoutingEnv(scenarios[place % 2], split=None)
        assert np.array_equal(env.reset(seed=place)[0], seen[place])
    delays = [env.scenario.cluster.view_delay_s for env in vec.envs]
    assert delays == [0.0, 1.0, 0.0]
    vec.close()


def test_scenarios_of_a_batch_have_the_same_spaces() -> None:
    three, two = small("equal"), small("equal", {"cluster.instances.0.count": 2})
    with pytest.raises(EnvError, match=r"scenario\[1\] .* 3 and 2 answers; .* one scenario with randomize"):
        make_sb3_vec("Routing", 2, scenario=[three, two])
    with pytest.raises(EnvError, match="3 scenarios for 2 environments"):
        make_sb3_vec("Routing", 2, scenario=[three] * 3)
