"""Every kind of decision has one row, and what is spelt out elsewhere agrees with it."""

import pytest

from agentsim_env import registration
from agentsim_env.engine.blueprint import Blueprint
from agentsim_env.engine.core import decisions
from agentsim_env.engine.core.decisions import DECISIONS, KINDS
from agentsim_env.engine.settle import DEFAULT_ANSWERS
from agentsim_env.engine.tables import TABLES
from agentsim_env.envs.questions import QUESTIONS
from agentsim_env.hardware.lanes import Lanes
from agentsim_env.scenario.rules import KINDS as SCENARIO_KINDS
from agentsim_env.scenario.rules import Rules
from agentsim_env.training.environments import ENVIRONMENTS
from tests.engine.hand_made import engine


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_spelt_out_agrees_with_the_row_of_the_kind(kind: str) -> None:
    row, number = DECISIONS[kind], KINDS.index(kind)
    assert getattr(decisions, kind.upper()) == number
    assert SCENARIO_KINDS[number] == kind
    assert Rules.model_fields[kind].default == row.default
    assert row.default in TABLES[kind]
    assert QUESTIONS[kind].kind == kind
    assert (row.mask == "allowed") == (kind == "route_turn")  # the one that envs/step.py tells apart
    assert row.environment == "" or row.environment in registration.ENVIRONMENTS


def test_nothing_is_spelt_out_that_is_no_kind() -> None:
    assert len(SCENARIO_KINDS) == len(KINDS)
    assert set(DEFAULT_ANSWERS) == set(KINDS)


def test_environments_are_named_for_what_they_ask() -> None:
    kinds = {name: environment.kinds for name, environment in ENVIRONMENTS.items()}
    assert kinds["routing"] == ("route_turn",)
    assert kinds["joint"] == KINDS
    assert len(kinds) == len(registration.ENVIRONMENTS)


def test_the_number_of_answers_depends_on_the_cluster() -> None:
    blueprint = Blueprint([engine()] * 3, candidates=4, pin_grid_s=(1.0, 2.0))
    assert {kind: row.answers(blueprint) for kind, row in DECISIONS.items()} == {
        "admit_program": 3,  # admit, hold, reject
        "route_turn": 3,  # an instance
        "schedule_turn": 5,  # a candidate, or hold all back
        "retain_kv": 6,  # leave, drop, to DRAM, to CXL, two lengths of a pin
        "evict_kv": 12,  # a candidate: drop, to DRAM, to CXL
        "preempt_turn": 4,
        "prefetch_kv": 5,  # a candidate, or none
        "set_prefill_budget": 1,  # there are no lanes
    }
    lanes = Lanes(slots=5, budget_grid_tokens=(0, 64))
    divided = Blueprint([engine(), engine(mode="two_lanes", lanes=lanes)])
    assert DECISIONS["set_prefill_budget"].answers(divided) == 4 * 2  # a slot that leaves one, a budget
