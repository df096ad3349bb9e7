"""Capacity: what `load` is a fraction of."""

import json
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim_env import Scenario, ScenarioError, Simulator, capacity, hardware, load_scenario
from agentsim_env.assembly import engines
from agentsim_env.capacity import capacity_curve, capacity_per_s, completion_rate
from agentsim_env.load import prepare, with_rate
from agentsim_env.scenario.cluster import Cluster
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
    resolve = engines.resolve

    def slower(cluster: Cluster) -> list[hardware.Engine]:
        return [replace(engine, profile=engine.profile.replace(overhead_s=1.0)) for engine in resolve(cluster)]

    monkeypatch.setattr(engines, "resolve", slower)
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


def served(scenario: Scenario) -> tuple[int, int]:
    """Programs in a sample of a mix, and how many of them the cluster can serve."""
    unserved = prepare(scenario, rate_per_s=1.0).unserved
    assert unserved is not None
    return unserved.programs, unserved.programs - unserved.unserved


@pytest.mark.parametrize(("longest_tokens", "fail"), [(131_072, 0), (65_536, 20), (40_000, 82), (30_000, 129)])
def test_only_what_is_done_counts(longest_tokens: int, fail: int) -> None:
    """The rate is that of the programs that are done in a closed loop, whatever else ends in it."""
    scenario = load_scenario("coding_agents", {"cluster.instances.0.max_model_len_tokens": longest_tokens})
    assert served(scenario) == (192, 192 - fail)
    loop = {"process": "closed_loop", "users": 32, "think_time_s": 0.0}
    closed = {"workload.arrivals": loop, "episode": {"programs": 192, "warmup_programs": 0}}
    simulator = Simulator(load_scenario(scenario, closed))
    simulator.reset(seed=0)
    simulator.run()
    programs = simulator.records().programs
    done_s = np.sort(programs["end_s"][programs["state"] == "done"])
    assert len(done_s) == 192 - fail
    first, last = int(0.3 * len(done_s)), int(0.8 * len(done_s))
    assert completion_rate(scenario, users=32) == (last - first) / (done_s[last] - done_s[first])


def test_programs_that_fit_nowhere_arrive_on_top_of_those_that_load_counts(cache: Path) -> None:
    changes = {"cluster.instances.0.max_model_len_tokens": 40_000, "workload.arrivals.load": 0.5}
    scenario = load_scenario(load_scenario("coding_agents").model_dump(mode="json", exclude_unset=True), changes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = prepare(scenario)
    programs, can_be_served = served(scenario)
    assert source.load is not None
    assert source.load.capacity_per_s == capacity_per_s(scenario)
    assert source.rate_per_s == source.load.rate_per_s
    assert source.rate_per_s == pytest.approx(0.5 * capacity_per_s(scenario) * programs / can_be_served)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spelled = with_rate(scenario).workload.arrivals
    assert getattr(spelled, "rate_per_s", None) == source.rate_per_s


def tiny_trace(folder: Path, sessions: list[list[int]]) -> Path:
    """Sessions that begin at 0; each turn adds so many tokens and is answered with ten, a second after the last."""
    path = folder / "tiny.jsonl"
    lines = [
        {"timestamp": 1000 * i, "input_length": sum(added[: i + 1]), "output_length": 10, "session_id": f"s{number}"}
        for number, added in enumerate(sessions)
        for i in range(len(added))
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in sorted(lines, key=lambda line: line["timestamp"])))
    return path


SESSIONS = {
    "one": [[600, 300]],
    "one turn": [[600]],
    "alike": [[600, 300]] * 4,
    "fewer than instances": [[600, 300], [20_000, 10]],
    "nearly alike": [[600 + i, 300] for i in range(5)],
    "one is long": [[600]] * 6 + [[600, 300, 300, 300, 300, 300]],
    "many alike": [[600, 300]] * 40,
}


@pytest.mark.parametrize("sessions", SESSIONS.values(), ids=SESSIONS)
def test_few_programs_that_begin_and_end_together_have_a_capacity(
    sessions: list[list[int]], tmp_path: Path, cache: Path
) -> None:
    path = tiny_trace(tmp_path, sessions)
    changes = {"workload.trace": {"path": str(path)}, "episode": {"programs": len(sessions), "warmup_programs": 0}}
    scenario = load_scenario("coding_agents", changes)
    curve = capacity_curve(scenario)
    assert curve[-1][0] <= max(2, len(sessions))
    rate = capacity_per_s(scenario)
    # About as many as one after another, at least, and no more than if each had the cluster to itself.
    simulator = Simulator(load_scenario(scenario, {"workload.arrivals.rate_per_s": 1e-4}))
    simulator.reset(0)
    simulator.run()
    alone_s = simulator.records().programs["jct_s"]
    assert 0.5 * len(sessions) / alone_s.sum() < rate <= 1.01 * len(sessions) / alone_s.min()
    served = Simulator(scenario)
    served.reset(0)
    served.run()
    assert served.summary()["programs_done"] == len(sessions)


ALIKE: dict[str, Any] = {"family": "chat", "params": {"turns": 1, "first_tokens": 100, "output_tokens": 10}}


def test_programs_that_are_alike_and_end_in_waves_have_a_capacity() -> None:
    """More users, more programs in a wave; never more than if each had the cluster to itself."""
    changes: dict[str, Any] = {"workload.mix": [ALIKE]}
    scenario = quick(**changes)
    curve = capacity_curve(scenario)
    alone_s = 2 / completion_rate(scenario, users=2)
    assert all(rate <= 1.01 * users / alone_s for users, rate in curve)


@pytest.mark.parametrize(
    "changes",
    [
        {"cluster.instances": [{"gpu": "L40S", "count": 2, "max_num_seqs": 16}, {"gpu": "L40S", "start_s": 5000.0}]},
        {"cluster.instances": [{"gpu": "L40S", "count": 2, "mtbf_s": 500.0, "mttr_s": 50.0}]},
        {"workload.arrivals": {"process": "closed_loop", "users": 5, "think_time_s": 3.0}},
        {"workload.arrivals": {"process": "fixed", "times_s": [0.0, 1.0]}, "episode.programs": 2},
        {"episode.time_limit_s": 0.1},
    ],
    ids=["late", "failing", "closed loop", "fixed", "short"],
)
def test_every_scenario_that_serves_has_a_capacity(cache: Path, changes: dict[str, Any]) -> None:
    warmup = {"episode.warmup_programs": 0}
    assert 0.01 < capacity_per_s(quick(**warmup, **changes)) < 100.0


def refused(scenario: Scenario) -> str:
    with pytest.raises(ScenarioError) as error:
        capacity_per_s(scenario)
    return str(error.value)


def test_rules_that_reject_everything_leave_no_capacity(cache: Path) -> None:
    nobody: dict[str, Any] = {"per_instance": 0.0, "most_held": 0.0}
    rule: dict[str, Any] = {"rules.admit_program": "max_programs", "rules.rule_params.admit_program": nobody}
    message = refused(quick(**rule))
    assert "under its rules (rules.admit_program: max_programs) no program is done" in message
    assert "give workload.arrivals.rate_per_s" in message
    assert not cache.exists()


@pytest.mark.parametrize(
    ("rate", "why"),
    [
        (lambda users: 0.1 * users, "with 4,096 programs in progress (409.6 done per second) it still grows"),
        (lambda users: float("inf"), "with 2 of its programs in progress they take no time"),
        (lambda users: float("nan"), "with 2 of its programs in progress they take no time"),
    ],
    ids=["growing", "inf", "nan"],
)
def test_a_search_ends_and_says_why(cache: Path, monkeypatch: pytest.MonkeyPatch, rate: Any, why: str) -> None:
    asked: list[int] = []

    def measured_rate(scenario: Scenario, users: int, between: Callable[[], None]) -> float:
        asked.append(users)
        return rate(users)

    monkeypatch.setattr(capacity, "completion_rate", measured_rate)
    assert why in refused(quick())
    assert len(asked) <= 24


def test_a_search_that_takes_its_time_says_so_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def slow(scenario: Scenario, users: int, between: Callable[[], None]) -> float:
        between()
        return 1.0 / users

    monkeypatch.setattr(capacity, "completion_rate", slow)
    capacity_curve(quick(gpus=3))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(capacity, "_SLOW_S", 0.0)
    capacity_curve(quick(gpus=3))
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "measuring the capacity of unnamed on 3 instances, once; workload.arrivals.rate_per_s needs none" in said


def test_a_cluster_that_never_comes_up_has_no_capacity(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    down = {"failures": [{"at_s": 0.0, "down_s": 1e9}]}
    message = refused(quick(**{"cluster.instances": [{"gpu": "L40S", **down}], "cluster.frontend_s": 1.0}))
    assert "there is no capacity" in message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"capacity_per_s": ',
        b"\xff\xfe",
        b"[1.5]",
        b"7",
        b"{}",
        b'{"capacity_per_s": "1"}',
        b'{"capacity_per_s": NaN}',
        b'{"capacity_per_s": -1.0}',
        b'{"capacity_per_s": null}',
        b"[" * 100_000,
    ],
    ids=lambda content: repr(content[:20]),
)
def test_an_entry_that_cannot_be_read_is_replaced(measured: list[Scenario], cache: Path, content: bytes) -> None:
    capacity_per_s(quick())
    (entry,) = cache.iterdir()
    entry.write_bytes(content)
    assert capacity_per_s(quick()) == 2.5
    assert len(measured) == 2
    assert capacity_per_s(quick()) == 2.5
    assert len(measured) == 2
    assert list(cache.iterdir()) == [entry]


def test_a_cache_that_cannot_be_written_is_said_once(
    measured: list[Scenario], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(capacity, "CACHE_ROOT", tmp_path / "file")
    assert capacity_per_s(quick()) == capacity_per_s(quick()) == 2.5
    assert len(measured) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "AGENTSIM_CACHE" in said


def test_many_may_measure_at_once(measured: list[Scenario], cache: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: capacity_per_s(quick()), range(32))) == {2.5}
    assert len(list(cache.iterdir())) == 1
