"""A policy in compiled code answers as it does step by step, and leaves the same records."""

from typing import Any

import numpy as np
import pytest

from agentsim_env.agents.exported import ExportedPolicy
from agentsim_env.agents.numpy_policy import FORMS
from agentsim_env.engine.core.jit import entry
from agentsim_env.engine.core.scorer import LINEAR, Scorer, best_answer, workspace
from agentsim_env.envs.compiled_play import CompiledPlay
from agentsim_env.envs.decision_env import KindEnv
from agentsim_env.envs.routing import RoutingEnv
from agentsim_env.envs.scheduling import SchedulingEnv
from agentsim_env.policies.weights import GatedWeights, LinearWeights, PooledWeights, pooled_shapes
from agentsim_env.scenario import Scenario
from tests.small import PLAIN, drawn, small

WIDTH = 6


def policy(env: KindEnv, form: type) -> ExportedPolicy:
    rng = np.random.default_rng(7)
    names = env.feature_names
    shapes = {
        LinearWeights: {"row_weight": (len(names), 1)},
        GatedWeights: {"row_weight": (len(names), 1), "gate": (len(names), 2), "gated_weight": (len(names), 2)},
        PooledWeights: pooled_shapes(len(names), WIDTH),
    }[form]
    weights: Any = form(**{name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()})
    allowed = names.index("allowed") if "allowed" in names else -1
    return FORMS[form](weights, names, allowed)


def player(env: KindEnv, agent: ExportedPolicy) -> CompiledPlay:
    assert agent.scorer is not None
    return CompiledPlay(env.question.kind, agent.scorer, env.candidate_shape)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("made", "scenario"),
    [
        (RoutingEnv, small("faulty")),
        (RoutingEnv, small("cut")),
        (RoutingEnv, drawn()),
        (SchedulingEnv, small("tight")),
    ],
)
def test_answers_as_step_by_step(made: type[KindEnv], scenario: Scenario, form: type) -> None:
    env = made(scenario, **PLAIN)
    agent = policy(env, form)
    observation, info = env.reset(seed=3)
    decisions, over = 0, False
    while not over:
        observation, _, terminated, truncated, info = env.step(agent.act(observation, info))
        decisions += 1
        over = terminated or truncated
    expected = env.simulator.records().content_hash()
    env.simulator.reset(seed=3)
    assert player(env, agent).play(env.simulator) == decisions
    assert env.simulator.ended
    assert env.simulator.records().content_hash() == expected


def test_goes_on_from_a_pending_decision() -> None:
    env = RoutingEnv(small("equal"))
    agent = policy(env, LinearWeights)
    whole = player(env, agent)
    env.simulator.reset(seed=1)
    decisions = whole.play(env.simulator)
    expected = env.simulator.records().content_hash()
    env.simulator.reset(seed=1)
    assert env.simulator.next_decision() is not None
    first = env.simulator.snapshot()
    for _ in range(2):
        env.simulator.restore(first)
        assert whole.play(env.simulator) == decisions
        assert env.simulator.records().content_hash() == expected


def test_pauses_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    env = RoutingEnv(small("faulty"))
    once = player(env, policy(env, PooledWeights))
    env.simulator.reset(seed=2)
    decisions = once.play(env.simulator)
    expected = env.simulator.records().content_hash()
    monkeypatch.setattr("agentsim_env.engine.entry.FIRST_SLICE", 5)
    env.simulator.reset(seed=2)
    env.simulator.state.world["slice_events"] = 5
    assert once.play(env.simulator) == decisions
    assert env.simulator.records().content_hash() == expected


def test_refuses_weights_of_another_size() -> None:
    env = RoutingEnv(small("equal"))
    with pytest.raises(ValueError, match=r"float32 weights of shape \(23,\)"):
        CompiledPlay("route_turn", Scorer(LINEAR, 0, -1, np.zeros(7, np.float32)), env.candidate_shape)


@entry
def _answer(rows, legal, form, width, allowed, weights, work):
    return best_answer(rows, legal, form, width, allowed, weights, work)


def test_more_room_to_compute_in_than_it_takes_changes_no_answer() -> None:
    """Kinds of decision share that room, and a small cluster leaves some of it."""
    env = RoutingEnv(small("equal"))
    scorer = policy(env, PooledWeights).scorer
    assert scorer is not None
    rows = np.random.default_rng(0).random((5, 3, len(env.feature_names)), np.float32)
    room, legal = workspace(scorer.form, 3, scorer.width), np.ones(3, np.uint8)
    for table in rows:
        found = [
            _answer(table, legal, scorer.form, scorer.width, scorer.allowed, scorer.weights, work)
            for work in (room, np.zeros(3 * len(room), np.float32))
        ]
        assert found[0] == found[1]
