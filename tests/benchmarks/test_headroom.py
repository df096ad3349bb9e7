"""What there is to gain: rollouts, bounds, the page."""

import numpy as np
import pytest

from agentsim_env import Simulator
from agentsim_env.training.search.combination import Answer, Combination
from benchmarks.headroom.page import Rolled, page
from benchmarks.headroom.rollouts import Improved, improve
from benchmarks.headroom.rows import JOINTLY, Headroom, Row, Side, bound_s
from tests.small import small

FEW = {"episode": {"programs": 4, "warmup_programs": 1}}


@pytest.mark.parametrize("kind", ["route_turn", "preempt_turn"])
def test_rollouts_are_never_worse_than_the_rules(kind: str) -> None:
    scenario = small("tight", FEW)
    found = improve(scenario, kind, seed=3)
    simulator = Simulator(scenario)
    simulator.reset(3)
    simulator.run()
    assert found.rules_s == pytest.approx(simulator.summary()["mean_cost_s"])
    assert found.cost_s <= found.rules_s
    assert (found.cost_s < found.rules_s) == (found.changed > 0)
    assert found.changed <= found.decisions <= found.rollouts


def test_the_answers_that_are_found_cost_what_was_said() -> None:
    """The last rollout that was an improvement is the episode itself."""
    found = improve(small("tight", FEW), "route_turn", seed=1)
    assert found.changed > 0
    assert found == improve(small("tight", FEW), "route_turn", seed=1)


def test_no_episode_is_below_the_bound() -> None:
    scenario = small("tight", FEW)
    simulator = Simulator(scenario)
    costs = []
    for seed in range(3):
        simulator.reset(seed)
        simulator.run()
        costs.append(simulator.summary()["mean_jct_s"] - simulator.summary()["mean_gap_s"])
    assert 0.0 < bound_s(scenario, range(3)) < np.mean(costs)


def test_the_page_says_what_was_found() -> None:
    rule = Side(Combination((("schedule_turn", Answer("plas")),)), 80.0)
    tuned = Side(Combination((("schedule_turn", Answer("gate", (("most_tokens", 500.0),))),)), 60.0)
    found = Headroom("mine", 100.0, [Row("schedule_turn", rule, rule), Row(JOINTLY, rule, tuned)], 20.0, 1234)
    rolled = Rolled("mine", "admit_program", "mori", 0, Improved(50.0, 40.0, 30, 3, 60), 1.4)
    text = page([found], [rolled], budget=1000, seeds=5)
    assert "Stock 100.0 s, bound 20.0 s." in text
    plas = "`schedule_turn=plas` | 80.0 | -20.0 %"
    assert f"| schedule_turn | {plas} | {plas} |" in text
    assert f"| all kinds | {plas} | `schedule_turn=gate(most_tokens=500)` | 60.0 | -40.0 % |" in text
    assert "| mine | admit_program | `mori` | 0 | 50.0 | 40.0 | -20.0 % | 3 of 30 | 60 | 1 |" in text
