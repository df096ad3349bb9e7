"""AgentSim/Joint-v1: the table that several kinds of decision share."""

from typing import Any

import numpy as np
import pytest

from agentsim_env import Scenario, Simulator
from agentsim_env.agents import RuleAgent, candidates_of
from agentsim_env.agents.protocol import bind
from agentsim_env.engine.core.decisions import KINDS
from agentsim_env.envs.admission import AdmissionEnv
from agentsim_env.envs.decision_env import DecisionEnv, KindEnv
from agentsim_env.envs.eviction import EvictionEnv
from agentsim_env.envs.joint import JointEnv, joint_features
from agentsim_env.envs.prefetch import PrefetchEnv
from agentsim_env.envs.prefill_budget import PrefillBudgetEnv
from agentsim_env.envs.questions import QUESTIONS
from agentsim_env.envs.retention import RetentionEnv
from agentsim_env.envs.rewards import episode_return
from agentsim_env.envs.routing import RoutingEnv
from agentsim_env.envs.scheduling import SchedulingEnv
from agentsim_env.registration import ENVIRONMENTS
from tests.small import PLAIN, answer_at_random, small

SINGLE: tuple[type[KindEnv], ...] = (
    AdmissionEnv,
    EvictionEnv,
    PrefetchEnv,
    PrefillBudgetEnv,
    RetentionEnv,
    RoutingEnv,
    SchedulingEnv,
)


TIERS = [{"kind": "dram", "capacity_gib": 8.0, "link_gb_per_s": 10.0}]
"""So that there is something to bring up."""

INSTANCE = {"gpu": "H100", "kv_blocks": 3000, "max_num_seqs": 8}
INSTANCES = [INSTANCE, INSTANCE | {"mode": "two_lanes"}]
"""Of `tight`, one with two lanes."""


def tight(overrides: dict[str, Any] | None = None) -> Scenario:
    changes = {"decisions.candidates": 4, "cluster.tiers": TIERS, "cluster.instances": INSTANCES}
    return small("tight", changes | (overrides or {}))


def same_times(one: Simulator, other: Simulator) -> bool:
    """Whether two episodes agree; where victims are asked for, runs are cut, and sums have other last bits."""
    times = [simulator.records().turns["end_s"] for simulator in (one, other)]
    return np.allclose(*times, rtol=1e-12, equal_nan=True)


def test_every_open_kind_is_there() -> None:
    assert set(QUESTIONS) == set(KINDS)
    assert JointEnv(tight(), **PLAIN).kinds == tuple(QUESTIONS)
    assert {single.question.kind for single in SINGLE} <= set(QUESTIONS)


def test_kinds_may_come_one_by_one() -> None:
    kinds: Any = iter(["retain_kv", "route_turn"])
    assert JointEnv(tight(), kinds=kinds, **PLAIN).kinds == ("route_turn", "retain_kv")


@pytest.mark.parametrize("kinds", [(), ("route_turn", "fly"), 5, "route_turn", iter(()), [["route_turn"]]])
def test_kinds_must_be_known(kinds: Any) -> None:
    with pytest.raises(ValueError, match="must be some of admit_program, route_turn"):
        JointEnv(tight(), kinds=kinds, **PLAIN)


def test_columns_are_the_union() -> None:
    kinds = ("admit_program", "schedule_turn")
    names = joint_features({kind: QUESTIONS[kind].features for kind in kinds}).names
    assert names[:3] == ("allowed", "asks_admit_program", "asks_schedule_turn")
    assert len(set(names)) == len(names)
    assert set(names) == set(names[:3]).union(*(QUESTIONS[kind].features.names for kind in kinds))


def test_what_has_one_name_has_one_scale() -> None:
    features = joint_features({kind: question.features for kind, question in QUESTIONS.items()})
    joint = {feature.name: feature for feature in features}
    for question in QUESTIONS.values():
        for feature in question.features:
            same = joint[feature.name]
            assert (feature.scale, feature.unit, feature.low, feature.high) == pytest.approx(
                (same.scale, same.unit, same.low, same.high), nan_ok=True
            ), f"{question.kind} {feature.name}"


@pytest.mark.parametrize("single", SINGLE)
def test_of_one_kind_it_is_that_kinds_environment(single: type[KindEnv]) -> None:
    alone, joint = single(tight(), **PLAIN), JointEnv(tight(), kinds=(single.question.kind,), **PLAIN)
    rng = np.random.default_rng(0)
    (seen, info), (folded, _) = alone.reset(seed=1), joint.reset(seed=1)
    columns = [joint.feature_names.index(name) for name in alone.feature_names]
    over = False
    while not over:
        rows = folded.reshape(joint.candidate_shape)
        assert np.array_equal(rows[:, columns], seen.reshape(alone.candidate_shape))
        assert (rows[:, joint.feature_names.index(f"asks_{single.question.kind}")] == 1.0).all()
        assert np.array_equal(joint.action_masks(), info["action_mask"])
        action = rng.integers(len(info["action_mask"]))
        seen, reward, over, _, info = alone.step(action)
        folded, same_reward, *_ = joint.step(action)
        assert same_reward == reward


def test_the_simulator_with_the_same_decisions_leaves_the_same_records() -> None:
    simulator = Simulator(tight(), agent_kinds=KINDS)
    simulator.reset(seed=6)
    actions = answer_at_random(simulator, np.random.default_rng(0))
    env = JointEnv(tight(), **PLAIN)
    _, info = env.reset(seed=6)
    rewards, kinds = [], set()
    for action in actions:
        assert info["action_mask"][action]
        kinds.add(info["decision_kind"])
        _, reward, *_, info = env.step(action)
        rewards.append(reward)
    assert "decision_kind" not in info
    assert kinds == set(KINDS)
    assert env.simulator.records().content_hash() == simulator.records().content_hash()
    assert np.sum(rewards) == pytest.approx(episode_return(simulator), abs=1e-9)


def test_rows_that_a_kind_does_not_have_are_empty_and_answered_by_the_rule() -> None:
    env = JointEnv(tight(), **PLAIN)
    observation, info = env.reset(seed=0)
    rule = Simulator(tight())
    rule.reset(seed=0)
    rule.run()
    last = env.candidate_shape[0] - 1
    refused, over = 0, False
    while not over:
        n = QUESTIONS[info["decision_kind"]].count_answers(env.simulator)
        assert not observation.reshape(env.candidate_shape)[n:].any()
        assert not info["action_mask"][n:].any()
        action = last if n <= last else env.simulator.core.default()
        refused += n <= last
        observation, _, over, _, info = env.step(action)
    assert info["refused_actions"] == refused > 50
    assert same_times(env.simulator, rule)


@pytest.mark.parametrize(
    ("name", "make"),
    [*(("tight", make) for make in (*SINGLE, JointEnv)), ("graphs", SchedulingEnv), ("graphs", JointEnv)],
)
def test_the_return_of_the_rules_is_the_same_in_every_environment(make: type[DecisionEnv], name: str) -> None:
    """Rewards are charged at the decisions, however many there are: their sum is that of the episode."""
    scenario = tight() if name == "tight" else small(name, {"cluster.tiers": TIERS})
    env: Any = make(scenario, **PLAIN)  # type: ignore[call-arg, arg-type]
    agent = RuleAgent("rules")
    bind(agent, env)
    observation, info = env.reset(seed=2)
    total, over = 0.0, False
    while not over:
        observation, reward, over, _, info = env.step(agent.act(observation, info))
        total += reward
    simulator = Simulator(scenario)
    simulator.reset(seed=2)
    simulator.run()
    summary = simulator.summary()
    assert same_times(env.simulator, simulator)
    assert total == pytest.approx(episode_return(simulator), abs=1e-9)
    if summary["programs_done"] == summary["programs"]:
        unit_s = env.scenario.reward.unit_s
        assert total == pytest.approx(-(summary["mean_jct_s"] - summary["mean_gap_s"]) / unit_s, abs=1e-6)


def test_networks_fold_it() -> None:
    torch = pytest.importorskip("torch")
    from agentsim_env.agents.networks import CandidateScorer
    from agentsim_env.agents.policies import network_kwargs

    env = JointEnv(tight(), **PLAIN)
    candidates = candidates_of(env)
    assert (candidates.n_rows, candidates.actions_per_row) == (54, 1)
    scorer = CandidateScorer(**network_kwargs(candidates, width=8))
    observation, info = env.reset(seed=0)
    scores = scorer.mask(torch.from_numpy(observation[None]), scorer(torch.from_numpy(observation[None])))
    assert np.array_equal(scores[0].detach().numpy() > -1e7, info["action_mask"] == 1)


def test_default_scenarios_are_in_the_library() -> None:
    from agentsim_env.training.environments import ENVIRONMENTS as NAMES
    from agentsim_env.training.environments import default_scenario, load

    assert {environment.id for environment in NAMES.values()} == set(ENVIRONMENTS)
    for name in NAMES:
        assert load(None, environment=name).name == default_scenario(name)
