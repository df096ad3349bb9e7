"""Capacity: what `load` is a fraction of."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim_env import Scenario, Simulator, capacity, hardware
from agentsim_env.capacity import capacity_curve, capacity_per_s, completion_rate
from agentsim_env.scenario.cluster import Cluster
from agentsim_env.workload import prepare
from tests.small import small


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; returns the folder of its capacities."""
    monkeypatch.setattr(capacity, "CACHE_ROOT", tmp_path)
    return tmp_path / "capacity"


@pytest.fixture
def measured(cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[Scenario]:
    """The scenarios that have been measured; measuring is made quick."""
    seen: list[Scenario] = []

    def curve(scenario: Scenario) -> list[tuple[int, float]]:
        seen.append(scenario)
        return [(2, 1.5), (3, 2.5), (5, 2.0)]

    monkeypatch.setattr(capacity, "capacity_curve", curve)
    return seen


def quick(gpus: int = 1, **overrides: Any) -> Scenario:
    return small("equal", {"cluster.instances": [{"gpu": "L40S", "count": gpus, "max_num_seqs": 16}], **overrides})


def test_the_top_of_the_curve_is_measured_once(measured: list[Scenario], cache: Path) -> None:
    assert capacity_per_s(quick()) == 2.5
    assert capacity_per_s(quick()) == 2.5
    assert len(measured) == 1
    assert len(list(cache.iterdir())) == 1


def test_a_profile_that_changes_is_measured_again(
    measured: list[Scenario], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capacity_per_s(quick())
    resolve = hardware.resolve

    def slower(cluster: Cluster) -> list[hardware.Engine]:
        return [replace(engine, profile=engine.profile.replace(overhead_s=1.0)) for engine in resolve(cluster)]

    monkeypatch.setattr(hardware, "resolve", slower)
    capacity_per_s(quick())
    assert len(measured) == 2
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"workload.arrivals": {"process": "gamma", "cv": 3.0, "load": 0.5}},
        {"workload.arrivals": {"process": "diurnal", "rates_per_s": [1.0, 2.0], "window_s": 60.0}},
        {"reward": {"unit_s": 3.0, "count_gaps": True}},
        {"slo": {"ttft_s": 1.0}},
        {"episode": {"programs": 500, "warmup_programs": 100}},
        {"episode.time_limit_s": 50.0},
        {"name": "another", "description": "Another.", "knee": "Elsewhere."},
    ],
    ids=str,
)
def test_what_does_not_matter_does_not_measure_again(measured: list[Scenario], changed: dict[str, Any]) -> None:
    capacity_per_s(quick())
    capacity_per_s(quick(**changed))
    assert len(measured) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"cluster.frontend_s": 0.5},
        {"cluster.instances": [{"gpu": "L40S", "count": 2}]},
        {"workload.mix": [{"family": "coding_agent"}]},
        {"workload.reuse_generated": False},
        {"rules.route_turn": "round_robin"},
    ],
    ids=str,
)
def test_what_matters_measures_again(measured: list[Scenario], changed: dict[str, Any]) -> None:
    capacity_per_s(quick())
    capacity_per_s(quick(**changed))
    assert len(measured) == 2


def test_the_curve_passes_its_top() -> None:
    curve = capacity_curve(quick())
    users, rates = zip(*curve, strict=True)
    top = int(np.argmax(rates))
    assert list(users) == sorted(users)
    assert users[0] >= 2
    assert rates[0] < 0.5 * max(rates)
    assert top < len(curve) - 1
    assert all(rate < 1.01 * max(rates) for rate in rates[top + 1 :])


def test_a_closed_loop_completes_what_its_users_start() -> None:
    """With so few users that nothing queues, the rate is users over the time of a program, by Little's law."""
    simulator = Simulator(quick(**{"episode.programs": 192}))
    programs = simulator.source.draw(0)
    programs.program["arrival_s"] = 1000.0 * np.arange(192)
    simulator.reset(seed=0, programs=programs)
    simulator.run()
    counted_s = simulator.records().programs["jct_s"][int(0.3 * 192) : int(0.8 * 192)]
    assert completion_rate(quick(), users=2) == pytest.approx(2 / counted_s.mean(), rel=0.1)


def test_more_instances_complete_more() -> None:
    one = max(rate for _, rate in capacity_curve(quick(1)))
    two = max(rate for _, rate in capacity_curve(quick(2)))
    assert 1.6 * one < two < 2.3 * one


def test_half_the_capacity_is_stable_and_twice_is_not(cache: Path) -> None:
    """Programs that come late wait no longer than those that come early; beyond capacity they do."""
    growth = {}
    for load in (0.5, 2.0):
        arrivals = {"process": "poisson", "load": load}
        scenario = quick(**{"workload.arrivals": arrivals, "episode": {"programs": 400, "warmup_programs": 0}})
        simulator = Simulator(scenario)
        rate_per_s = load * capacity_per_s(scenario)
        assert simulator.source.rate_per_s == rate_per_s
        simulator.reset(seed=0)
        simulator.run()
        programs = simulator.records().programs
        waits_s = programs["jct_s"] - programs["gap_s"]
        growth[load] = waits_s[300:].mean() / waits_s[:100].mean()
        last_s = prepare(scenario).draw(0).program["arrival_s"][-1]
        assert last_s == pytest.approx(400 / rate_per_s, rel=0.2)
    assert growth[0.5] < 1.5
    assert growth[2.0] > 2.0
