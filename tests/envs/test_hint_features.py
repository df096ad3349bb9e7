"""Hints are what programs have reported, nothing more; they are shown where programs report, and only there."""

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from agentsim_env import load_scenario
from agentsim_env.engine.programs.invocation_distance import UNKNOWN, distance, object_distance
from agentsim_env.envs.decision_env import DecisionEnv, KindEnv
from agentsim_env.envs.eviction import EvictionEnv
from agentsim_env.envs.hint_features import FEATURES
from agentsim_env.envs.joint import JointEnv
from agentsim_env.envs.multi_agent import JointAEC
from agentsim_env.envs.prefetch import PrefetchEnv
from agentsim_env.envs.routing import RoutingEnv
from agentsim_env.scenario import Scenario
from tests.engine.hand_made import bound
from tests.small import small

ASKED = (PrefetchEnv, EvictionEnv)
distance_of_program, distance_of_record = bound(distance), bound(object_distance)


def world(**params: Any) -> Scenario:
    """Two dozen agents, whose prefixes do not fit."""
    return load_scenario(
        "agent_world",
        {
            "workload.mix": [
                {"family": "world_independent", "params": {"steps": 6, "prefix_tokens": {"value": 512}} | params}
            ],
            "workload.arrivals.users": 24,
            "episode": {"programs": 24, "warmup_programs": 0},
            "cluster.instances": [{"gpu": "H100", "kv_blocks": 400}],
            "decisions.candidates": 8,
        },
    )


def hints(env: DecisionEnv, observation: np.ndarray) -> np.ndarray:
    """The columns of hints, `f4 [rows, 2]`."""
    return observation.reshape(env.candidate_shape)[:, [env.feature_names.index(name) for name in FEATURES.names]]


def play(env: DecisionEnv, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each decision the hints, the reported distances of the candidates' programs and those of records."""
    rng = np.random.default_rng(seed)
    observation, info = env.reset(seed=seed)
    seen, over = [], False
    while not over:
        state = env.simulator.state
        candidates = state.candidate[: state.world["n_candidates"][0]]
        if isinstance(env, EvictionEnv):
            wanted = [distance_of_record(state, int(r)) for r in candidates]
        else:
            wanted = [distance_of_program(state, int(p)) for p in state.turn["program"][candidates]]
        seen.append((hints(env, observation), np.array(wanted), candidates.copy()))
        observation, _, over, _, info = env.step(int(rng.choice(np.flatnonzero(info["action_mask"]))))
    return seen


def shown(distances: np.ndarray) -> np.ndarray:
    """What stands in the two columns for some distances."""
    known = distances != UNKNOWN
    near = np.where(np.isinf(distances), 1.0, np.minimum(distances, UNKNOWN) / (np.minimum(distances, UNKNOWN) + 2.0))
    return np.stack((np.where(known, near, 0.0), known), axis=1)


@pytest.mark.parametrize("make", ASKED)
def test_hints_are_the_reported_distances(make: type[KindEnv]) -> None:
    seen = play(make(world()))
    assert len(seen) > 20
    each = 3 if make is EvictionEnv else 1
    for rows, distances, _ in seen:
        filled = each * len(distances)
        np.testing.assert_allclose(rows[:filled], np.repeat(shown(distances), each, axis=0), atol=1e-6)
        assert not rows[filled:].any()
    assert len({value for _, distances, _ in seen for value in distances}) > 3


def test_wrong_reports_are_shown_as_they_are() -> None:
    """With the same calls, what is shown differs: it is what was said, not what comes."""
    right, wrong = (play(PrefetchEnv(world(hint_error=error)))[0] for error in (0.0, 2.0))
    assert np.array_equal(right[2], wrong[2])
    assert not np.array_equal(right[0], wrong[0])


@pytest.mark.parametrize("make", ASKED)
def test_without_a_report_nothing_is_known(make: type[KindEnv]) -> None:
    env = make(world(hint_missing=0.9))
    assert env.feature_names[-2:] == FEATURES.names
    rows = np.concatenate([rows for rows, distances, _ in play(env) if (distances == UNKNOWN).any()])
    assert (rows[rows[:, 1] == 0.0, 0] == 0.0).all()


@pytest.mark.parametrize("make", ASKED)
def test_only_scenarios_whose_programs_report_have_the_columns(make: type[KindEnv]) -> None:
    tiers = {"cluster.tiers": [{"kind": "dram", "capacity_gib": 8.0}]}
    without, having = make(small("tight", tiers)), make(world())
    assert having.feature_names == without.feature_names + FEATURES.names
    assert having.candidate_shape[1] == len(having.feature_names)


def test_kinds_without_hints_have_none() -> None:
    assert RoutingEnv(world()).feature_names == RoutingEnv(small("equal")).feature_names


def test_joint_decisions_show_them_too() -> None:
    env = JointEnv(world(), kinds=("prefetch_kv", "evict_kv"))
    assert set(FEATURES.names) <= set(env.feature_names)
    observation, _ = env.reset(seed=0)
    assert hints(env, observation)[:, 1].any()
    seen = JointAEC(world(), kinds=("prefetch_kv", "evict_kv")).observation_space("evict_kv")
    assert isinstance(seen, spaces.Dict)
    assert seen["observation"].shape == EvictionEnv(world()).observation_space.shape


def test_programs_that_report_nothing_may_be_given() -> None:
    env = EvictionEnv(world())
    drawn = env.simulator.source.draw(0)
    programs = drawn._replace(report=drawn.report[:0])
    observation, _ = env.reset(seed=0, options={"programs": programs})
    assert not hints(env, observation).any()
