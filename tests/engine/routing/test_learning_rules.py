"""Routers that learn online against cases computed by hand; docs/routers.md has the formulas."""

import math
from collections import Counter

import numpy as np
import pytest

from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.decisions import ENDED
from agentsim_env.engine.entry import Core
from agentsim_env.engine.routing.rules.thompson import FEATURES, MOMENT, PRECISION
from tests.engine.hand_made import engine
from tests.engine.routing.situation import Situation
from tests.reference.building import WorkloadBuilder


def two_turns(rule: str, **parameters: float) -> Core:
    """100 tokens at 0 s that end after 0.1 s, and 50 at 1 s that end after 0.2 s, on an instance of 100 blocks."""
    work = WorkloadBuilder()
    for arrival_s, prompt, output in ((0.0, 100, 10), (1.0, 50, 20)):
        work.program(arrival_s)
        work.turn(work.segment(10), prompt, output)
    blueprint = Blueprint([engine()], rules={"route_turn": rule}, rule_params={"route_turn": parameters})
    core = Core(new_state(blueprint, work.build()))
    assert core.advance() == ENDED
    return core


# KVRouting.


def test_kv_routing_adds_what_is_missing_what_was_sent_and_what_it_has_learned() -> None:
    situation = Situation("kv_routing")
    situation.cache(0, 100)
    assert situation.ask() == 0
    assert situation.scores == pytest.approx([0.016, 1.6, 1.6])
    situation.state.memory[0] = [2.0, 4.0, 0.0, 0.0]  # two turns took 2 s longer than what was known
    assert situation.ask() == 1
    situation.state.memory[1] = [0.0, 0.0, 1.0, -0.63]  # a second was sent there 0.63 s ago
    assert situation.ask() == 2
    assert situation.scores == pytest.approx([2.016, 1.6 + math.exp(-1.0), 1.6], rel=1e-5)


def test_kv_routing_takes_a_later_instance_only_if_it_is_a_millisecond_better() -> None:
    situation = Situation("kv_routing", parameters={"prefill_s_per_token": 1e-5})
    situation.state.memory[0] = [1.0, 0.0009, 0.0, 0.0]
    assert situation.ask() == 0
    situation.state.memory[0] = [1.0, 0.0011, 0.0, 0.0]
    assert situation.ask() == 1


def test_kv_routing_learns_the_residual_of_turns_that_leave() -> None:
    state = two_turns("kv_routing").state
    # As long as expected, which counts as 1 ms; then 0.15 s longer.
    assert state.memory[0, :2] == pytest.approx([0.95 + 1.0, 0.95 * 0.001 + 0.15])
    assert state.memory[0, 2:] == pytest.approx([0.0, 1.2])  # what was reserved is given back


# Thompson sampling.


def believing(weights: list[list[float]], seen: float = 1e9, **parameters: float) -> Situation:
    """What is known of the weights of each instance, from so many observations of each feature."""
    situation = Situation("thompson", parameters=parameters)
    for i, row in enumerate(weights):
        situation.state.memory[i, PRECISION : PRECISION + FEATURES * FEATURES] = (seen * np.eye(FEATURES)).ravel()
        situation.state.memory[i, MOMENT : MOMENT + FEATURES] = seen * np.array(row)
    return situation


def test_thompson_predicts_with_five_features() -> None:
    situation = believing([[1.0, 2.0, 4.0, 8.0, 16.0]] * 3, exploration=0.0)
    situation.cache(0, 100)
    situation.set(1, expected_tokens=500, demand_blocks=100)
    situation.loads(0, 0, 5)
    situation.in_use(2, 300)
    assert situation.ask() == 0
    assert situation.scores == pytest.approx(
        [1.0 + 2.0 * 0.016, 1.0 + 2.0 * 1.6 + 4.0 * 0.5 + 16.0 * 0.1, 1.0 + 2.0 * 1.6 + 8.0 * 0.5 + 16.0 * 0.3]
    )


def test_thompson_is_least_squares_of_the_turns_that_have_left() -> None:
    state = two_turns("thompson", forgetting=0.9).state
    x = np.array([[1.0, 0.1, 0.0, 0.0, 0.0], [1.0, 0.05, 0.0, 0.0, 0.0]])
    decayed = np.array([0.9, 1.0])
    assert state.memory[0, :MOMENT].reshape(FEATURES, FEATURES) == pytest.approx((x.T * decayed) @ x)
    assert state.memory[0, MOMENT : MOMENT + FEATURES] == pytest.approx((x.T * decayed) @ [0.1, 0.2])


def test_thompson_draws_weights_around_what_it_believes() -> None:
    # Instance 0 is known to take a second. Of the others, whose mean is 2, all five weights are seen once each.
    situation = Situation("thompson", parameters={"exploration": 0.5, "prior_weight": 0.25}, seed=3)
    situation.state.allowed[2] = 0
    situation.state.memory[0, PRECISION : PRECISION + FEATURES * FEATURES] = (1e9 * np.eye(FEATURES)).ravel()
    situation.state.memory[0, MOMENT] = 1e9
    situation.state.memory[1, MOMENT] = 0.5
    counts = Counter(situation.ask() for _ in range(4000))
    # The latency there is 2 + N(0, (0.5 / 0.5)^2 (1 + 1.6^2)).
    better = 0.5 * math.erfc(1.0 / math.sqrt(2.0 * (1.0 + 1.6**2)))
    assert counts[1] / 4000 == pytest.approx(better, abs=0.03)


def test_asking_what_a_learner_would_do_teaches_it_nothing() -> None:
    situation = believing([[1.0, 0.0, 0.0, 0.0, 0.0]] * 3, seen=5.0)
    known = situation.state.memory[:, : MOMENT + FEATURES].copy()
    answers = {int(situation.core.default()) for _ in range(5)}
    assert len(answers) == 1
    assert (situation.state.memory[:, : MOMENT + FEATURES] == known).all()
