"""The page of what was learned says what its agents were trained on."""

from typing import Any

import numpy as np
import pytest

from agentsim_env import Scenario, load_scenario
from agentsim_env.training.results import Results
from agentsim_env.training.rollouts import Rollout
from benchmarks.learning import charges_time, costs_of


def results(scenario: Scenario) -> Results:
    rollouts = [[Rollout({"mean_cost_s": cost_s}, "", "", np.zeros(0), 0, -cost_s / 10.0)] for cost_s in (3.0, 5.0)]
    return Results("routing", scenario, ("rule",), (0, 1), "rule", rollouts)


@pytest.mark.parametrize(
    ("terms", "costs", "is_time"),
    [
        ({"time_in_system": 1.0}, [3.0, 5.0], True),
        ({"time_in_system": 1.0, "ttft": 0.0}, [3.0, 5.0], True),
        ({"time_in_system": 0.0, "ttft": 1.0}, [0.3, 0.5], False),
        ({"time_in_system": 1.0, "tpot": 2.0}, [0.3, 0.5], False),
    ],
)
def test_the_cost_is_what_the_reward_charges(terms: Any, costs: list[float], is_time: bool) -> None:
    """In seconds where that is the time of programs in the system alone, else minus the return."""
    scenario = load_scenario("tool_chat", {"reward.terms": terms})
    assert charges_time(scenario) == is_time
    assert costs_of(results(scenario), "rule").tolist() == pytest.approx(costs)
