"""AgentSim/Routing-v1: who may take a turn, what is refused, how episodes begin and end."""

import numpy as np
import pytest

from agentsim_env import SimulationError, Simulator
from agentsim_env.envs.routing import RoutingEnv
from tests.small import PLAIN, SMALL, answer_at_random, play, small

NEVER_UP = 3
"""The instance of `faulty` that is never up."""


@pytest.mark.parametrize("name", SMALL)
def test_the_simulator_with_the_same_decisions_leaves_the_same_records(name: str) -> None:
    simulator = Simulator(small(name), agent_kinds=("route_turn",))
    simulator.reset(seed=3)
    actions = answer_at_random(simulator, np.random.default_rng(0))
    env = RoutingEnv(small(name), **PLAIN)
    _, info = env.reset(seed=3)
    terminated = truncated = False
    for i, action in enumerate(actions):
        assert info["action_mask"][action]
        *_, terminated, truncated, info = env.step(action)
        assert (terminated or truncated) == (i == len(actions) - 1)
    assert (terminated, truncated) == (simulator.ended and not simulator.truncated, simulator.truncated)
    assert env.simulator.records().content_hash() == simulator.records().content_hash()
    assert env.simulator.ended


def test_forbidden_actions_are_answered_by_the_rule_and_counted() -> None:
    env = RoutingEnv(small("faulty"), **PLAIN)
    _, info = play(env, seed=1, illegal=True)
    rng = np.random.default_rng(1)
    simulator = Simulator(small("faulty"), agent_kinds=("route_turn",))
    simulator.reset(seed=1)
    refused = 0
    while (decision := simulator.next_decision()) is not None:
        action = int(rng.choice(4))
        refused += not decision.mask[action]
        simulator.apply(action if decision.mask[action] else decision.default)
    assert refused > 10
    assert info["refused_actions"] == refused
    assert env.simulator.records().content_hash() == simulator.records().content_hash()


def test_refused_actions_are_counted_by_episode() -> None:
    env = RoutingEnv(small("faulty"), **PLAIN)
    assert play(env, seed=1, illegal=True)[1]["refused_actions"] > 0
    assert play(env, seed=1)[1]["refused_actions"] == 0


def test_instances_that_are_down_are_masked() -> None:
    env = RoutingEnv(small("faulty"), **PLAIN)
    observation, info = env.reset(seed=0)
    masks, times = [], []
    over = False
    while not over:
        allowed = env.feature_names.index("allowed")
        assert np.array_equal(observation.reshape(env.candidate_shape)[:, allowed], info["action_mask"])
        masks.append(info["action_mask"])
        times.append(env.simulator.now)
        observation, _, terminated, truncated, info = env.step(int(np.argmax(info["action_mask"])))
        over = terminated or truncated
    up, now = np.array(masks), np.array(times)
    assert not up[:, NEVER_UP].any()
    assert not up[now < 4.0, 1].any()
    assert up[now > 4.0, 1].all()
    assert not up[(now >= 8.0) & (now < 10.0), 2].any()
    assert up[(now > 10.0), 2].all()
    assert (up.sum(axis=1) >= 2).all(), "a decision with a single legal answer is not asked"


def test_instances_that_cannot_hold_the_turn_are_masked() -> None:
    limits = [40_000, 40_000, 30_000]
    instances = [{"gpu": "H100", "max_model_len_tokens": limit} for limit in limits]
    env = RoutingEnv(small("tight", {"cluster.instances": instances}), **PLAIN)
    _, info = env.reset(seed=0)
    over = False
    seen = set()
    while not over:
        turn = env.simulator.state.turn[env.simulator.state.slot[env.simulator.state.world[0]["asked_slot"]]["turn"]]
        tokens = int(turn["prompt_tokens"]) + int(turn["output_tokens"])
        assert info["action_mask"].tolist() == [tokens <= limit for limit in limits]
        seen.add(tuple(info["action_mask"].tolist()))
        *_, terminated, truncated, info = env.step(0)
        over = terminated or truncated
    assert seen == {(1, 1, 1), (1, 1, 0)}
    records = env.simulator.records()
    too_long = records.turns["prompt_tokens"] + records.turns["output_tokens"] > 40_000
    failing = np.unique(records.turns["program"][too_long])
    assert len(failing)
    assert np.array_equal(np.flatnonzero(records.programs["state"] == "failed"), failing)


def test_programs_of_the_warm_up_are_routed_by_the_rule() -> None:
    env = RoutingEnv(small("equal"), **PLAIN)
    env.reset(seed=0)
    simulator = env.simulator
    over = False
    while not over:
        slot = simulator.state.slot[simulator.state.world[0]["asked_slot"]]
        assert slot["program"] >= 2
        *_, terminated, truncated, _ = env.step(0)
        over = terminated or truncated
    turns = simulator.records().turns
    assert (turns["instance"][turns["program"] >= 2] == 0).all()
    assert (turns["instance"][turns["program"] < 2] > 0).any()


def test_episode_without_a_decision_says_so() -> None:
    env = RoutingEnv(small("equal", {"cluster.instances": [{"gpu": "H100"}]}), **PLAIN)
    with pytest.raises(SimulationError, match="the episode has no decision"):
        env.reset(seed=0)


def test_a_workload_can_be_given() -> None:
    env = RoutingEnv(small("equal"), **PLAIN)
    given = env.simulator.source.draw(99)
    env.reset(seed=1, options={"programs": given})
    for ours, theirs in zip(env.simulator.programs[:4], given[:4], strict=True):
        assert ours.tobytes() == theirs.tobytes()
        assert not np.shares_memory(ours, theirs)
    play_on, info = 0, {}
    while not info.get("programs_ended"):
        *_, info = env.step(0)
        play_on += 1
    assert info["seed"] == 1.0
    assert env.simulator.records().turns["prompt_tokens"].tolist() == given.turn["prompt_tokens"].tolist()


def test_unknown_options_are_refused() -> None:
    env = RoutingEnv(small("equal"), **PLAIN)
    with pytest.raises(ValueError, match=r"unknown windows; allowed are programs, window"):
        env.reset(seed=0, options={"windows": (0, 1)})
    with pytest.raises(ValueError, match="only programs of a trace have one"):
        env.reset(seed=0, options={"window": (0.0, 1.0)})


def test_truncation_is_not_termination() -> None:
    env = RoutingEnv(small("cut"), **PLAIN)
    _, info = env.reset(seed=0)
    terminated = truncated = False
    while not (terminated or truncated):
        _, _, terminated, truncated, info = env.step(0)
    assert (terminated, truncated) == (False, True)
    assert info["simulated_s"] == 12.0
    assert env.simulator.truncated


def test_last_observation_is_valid() -> None:
    env = RoutingEnv(small("equal"), **PLAIN)
    observation, info = env.reset(seed=0)
    over = False
    while not over:
        observation, _, over, _, info = env.step(0)
    assert env.observation_space.contains(observation)
    assert info["action_mask"].all()
    assert env.action_masks().all()
