"""Ticks that would be all that happens are refused before they begin."""

from typing import Any

import pytest

from agentsim_env import ScenarioError, Simulator
from agentsim_env.assembly.ticks import tick_periods
from tests.small import small


def waiting(seconds: float, changes: dict[str, Any]) -> Simulator:
    times = {"workload.arrivals": {"process": "fixed", "times_s": [*range(11), seconds]}}
    return Simulator(small("equal", {**times, "episode.warmup_programs": 0, **changes}))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"cluster.view_delay_s": 0.001}, r"cluster\.view_delay_s = 0\.001"),
        ({"rules.route_turn": "saga"}, r"the period of rules\.route_turn saga = 0\.1"),
        ({"rules.admit_program": "concur_tuned"}, r"rules\.rule_params\.admit_program\.period_s = 1"),
        ({"rules.admit_program": "max_programs"}, r"decisions\.control_period_s = 1"),
    ],
)
def test_too_many_ticks_are_refused_with_the_period_that_would_do(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ScenarioError, match=field + r": too short for a time of 1e\+09 s .* at least 5 there"):
        waiting(1e9, changes).reset(0)
    waiting(100.0, changes).reset(0)
    waiting(1e9, {**changes, "episode.time_limit_s": 1000.0}).reset(0)


def test_without_ticks_time_may_be_as_long_as_the_clock() -> None:
    simulator = waiting(0.9e9, {})
    assert tick_periods(simulator.blueprint) == {}
    simulator.reset(0)
    simulator.run()
    assert 0.9e9 < simulator.now < 1e9


def test_outages_and_late_starts_count() -> None:
    failing = [{"gpu": "H100", "failures": [{"at_s": 1.0, "down_s": 9e8}]}]
    with pytest.raises(ScenarioError, match=r"view_delay_s = 0\.5: too short for a time of 9e\+08 s"):
        waiting(20.0, {"cluster.view_delay_s": 0.5, "cluster.instances": failing}).reset(0)
