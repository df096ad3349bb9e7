"""What is seen when the time limit ends an episode: learners take the value of what comes after from it."""

from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv

from agentsim_env import SimulationError
from agentsim_env.envs.admission import AdmissionEnv
from agentsim_env.envs.decision_env import DecisionEnv, KindEnv
from agentsim_env.envs.eviction import EvictionEnv
from agentsim_env.envs.joint import JointEnv
from agentsim_env.envs.prefetch import PrefetchEnv
from agentsim_env.envs.prefill_budget import PrefillBudgetEnv
from agentsim_env.envs.questions import QUESTIONS
from agentsim_env.envs.retention import RetentionEnv
from agentsim_env.envs.routing import RoutingEnv
from agentsim_env.envs.scheduling import SchedulingEnv
from tests.small import small

KINDS: tuple[type[KindEnv], ...] = (
    AdmissionEnv,
    EvictionEnv,
    PrefetchEnv,
    PrefillBudgetEnv,
    RetentionEnv,
    RoutingEnv,
    SchedulingEnv,
)
ALL: tuple[type[DecisionEnv], ...] = (*KINDS, JointEnv)

INSTANCE = {"gpu": "H100", "kv_blocks": 3000, "max_num_seqs": 8}

CUT = {
    "cluster.instances": [INSTANCE, INSTANCE | {"mode": "two_lanes"}],
    "cluster.tiers": [{"kind": "dram", "capacity_gib": 8.0, "link_gb_per_s": 10.0}],
    "decisions.candidates": 4,
    "episode.time_limit_s": 25.0,
}

ABOUT_A_SUBJECT: dict[type[KindEnv], tuple[str, ...]] = {
    RoutingEnv: (
        "allowed",
        "is_home",
        "hit_share",
        "uncached_tokens",
        "prefill_s",
        "prompt_tokens",
        "age_s",
        "has_home",
    ),
    AdmissionEnv: ("allowed", "is_held", "age_s", "prompt_tokens", "uncached_tokens", "expected_share", "slack_s"),
    RetentionEnv: ("allowed", "gap_is_known", "gap_mean_s", "age_s", "service_s", "left_tokens", "recompute_s"),
    SchedulingEnv: ("allowed", "is_turn", "place", "wait_s", "age_s", "uncached_tokens"),
    EvictionEnv: ("allowed", "is_drop", "is_record", "idle_s", "uses", "held_share", "prefill_s"),
    PrefillBudgetEnv: ("allowed",),
    PrefetchEnv: ("allowed", "is_turn", "is_acting", "wait_s", "missing_tokens", "move_s"),
}
"""Columns that are 0 where nobody is asked."""


def cut(make: type[DecisionEnv], overrides: dict[str, Any] | None = None) -> Any:
    return make(small("tight", CUT | (overrides or {})))  # type: ignore[call-arg, arg-type]


def last_step(env: Any, seed: int = 1) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    _, info = env.reset(seed=seed)
    over = False
    step: tuple[Any, ...] = ()
    while not over:
        step = env.step(int(rng.choice(np.flatnonzero(info["action_mask"]))))
        over, info = step[2] or step[3], step[4]
    return step


@pytest.mark.parametrize("make", ALL)
def test_the_cluster_is_shown_as_it_is_then(make: type[DecisionEnv]) -> None:
    env = cut(make)
    observation, _, terminated, truncated, info = last_step(env)
    assert (terminated, truncated) == (False, True)
    assert info["time_s"] == 25.0
    assert env.observation_space.contains(observation)
    seen = dict(zip(env.feature_names, observation.reshape(env.candidate_shape)[0], strict=True))
    prefix = "cluster_" if make is AdmissionEnv else ""
    assert seen[f"{prefix}running"] + seen[f"{prefix}waiting"] > 0.0
    assert info["action_mask"].all()
    assert env.action_masks().all()


@pytest.mark.parametrize("make", KINDS)
def test_what_is_about_a_turn_or_a_program_is_empty(make: type[KindEnv]) -> None:
    env = cut(make)
    rows = last_step(env)[0].reshape(env.candidate_shape)
    for name in ABOUT_A_SUBJECT[make]:
        assert not rows[:, env.feature_names.index(name)].any(), name


def test_instances_are_those_of_the_state() -> None:
    env = cut(RoutingEnv)
    rows = last_step(env)[0].reshape(env.candidate_shape)
    instance = env.simulator.state.instance
    for name, column, scale in (("waiting", "n_waiting", 4.0), ("running", "n_running", 16.0)):
        expected = instance[column] / (instance[column] + scale)
        assert rows[:, env.feature_names.index(name)] == pytest.approx(expected), name


@pytest.mark.parametrize("make", ALL)
def test_a_later_limit_shows_something_else(make: type[DecisionEnv]) -> None:
    early, late = (last_step(cut(make, {"episode.time_limit_s": limit_s}))[0] for limit_s in (25.0, 25.5))
    assert not np.array_equal(early, late)


@pytest.mark.parametrize("make", ALL)
def test_looking_changes_no_record(make: type[DecisionEnv]) -> None:
    env = cut(make)
    last_step(env)
    first = env.simulator.records().content_hash()
    env.restore(env.snapshot())
    assert env.simulator.records().content_hash() == first


@pytest.mark.parametrize("make", [*KINDS, lambda scenario: JointEnv(scenario, kinds=("evict_kv", "route_turn"))])
def test_a_limit_before_the_first_decision_leaves_no_episode(make: Any) -> None:
    env = make(small("tight", CUT | {"episode.time_limit_s": 1e-4}))
    with pytest.raises(SimulationError, match="the episode has no decision"):
        env.reset(seed=0)
    with pytest.raises(SimulationError, match=r"^the episode has no decision: call reset\(\)$"):
        env.step(0)


def test_an_episode_that_has_come_to_its_end_shows_nothing() -> None:
    env = RoutingEnv(small("equal"))
    observation, _, terminated, *_ = last_step(env)
    assert terminated
    assert not observation.any()


def test_the_joint_environment_shows_the_kind_of_the_last_decision() -> None:
    env = cut(JointEnv)
    rows = last_step(env)[0].reshape(env.candidate_shape)
    names = env.feature_names
    assert not rows[:, [i for i, name in enumerate(names) if name.startswith("asks_")]].any()
    table = env.table_of(env.decision_kind)
    columns = [names.index(name) for name in QUESTIONS[env.decision_kind].features.names]
    assert np.array_equal(rows[: len(table), columns], table)


def test_learners_are_given_it() -> None:
    """Stable-Baselines3 takes the value of `terminal_observation` where the episode was cut off."""
    vec_env = DummyVecEnv([lambda: cut(RoutingEnv)])
    vec_env.seed(1)
    vec_env.reset()
    done, infos = False, [{}]
    while not done:
        _, _, (done,), infos = vec_env.step(np.zeros(1, int))
    assert infos[0]["TimeLimit.truncated"]
    assert infos[0]["terminal_observation"].any()
