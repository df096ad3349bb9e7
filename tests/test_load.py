"""Overrides that change the capacity, and with it the rate that a load stands for."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from agentsim_env import Scenario, Simulator, capacity, load_scenario
from agentsim_env.load import LoadWarning, prepare
from agentsim_env.metrics.report import markdown
from agentsim_env.training.environments import load
from agentsim_env.training.evaluate import Contest, evaluate, make_player
from agentsim_env.training.tables import markdown as table

KV = "cluster.instances.0.kv_blocks"


@pytest.fixture(autouse=True)
def quick_capacity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A capacity that depends on memory, view and rules, and takes no time to measure."""

    def curve(scenario: Scenario) -> list[tuple[int, float]]:
        blocks = scenario.cluster.instances[0].kv_blocks
        rate = 0.4 if blocks is None else blocks / 40_000
        if scenario.rules.route_turn == "random":
            rate /= 2.0
        return [(2, rate / (1.0 + scenario.cluster.view_delay_s))]

    monkeypatch.setattr(capacity, "CACHE_ROOT", tmp_path)
    monkeypatch.setattr(capacity, "capacity_curve", curve)


def said(*arguments: Any, **more: Any) -> list[str]:
    """What is said of the load when a simulator is made for a scenario."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Simulator(load_scenario(*arguments, **more))
    assert all(warning.category is LoadWarning for warning in caught)
    return [str(warning.message) for warning in caught]


CHANGES: dict[str, tuple[dict[str, Any], str, str]] = {
    "memory": ({KV: 8000}, "0.2", "cluster.instances"),
    "view": ({"cluster.view_delay_s": 1.0}, "0.2", "cluster.view_delay_s"),
    "rule": ({"rules.route_turn": "random"}, "0.2", "rules.route_turn"),
    "two": ({KV: 8000, "cluster.view_delay_s": 3.0}, "0.05", "cluster.instances, cluster.view_delay_s"),
}


@pytest.mark.parametrize(("changes", "rate", "fields"), CHANGES.values(), ids=CHANGES)
def test_overrides_that_change_the_capacity_are_named_with_both_rates(
    changes: dict[str, Any], rate: str, fields: str
) -> None:
    assert said("coding_agents", changes) == [
        f"coding_agents: load 1 means {rate} programs per second here and 0.4 in the scenario as it stands in its file:"
        f" the capacity that it is a fraction of has changed with {fields}; to keep the rate, set"
        " workload.arrivals.rate_per_s=0.4"
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"workload.arrivals.load": 0.5},
        {"cluster.instances.0.price_per_hour": 7.0},
        {"episode.programs": 50, "reward.unit_s": 7.0, "workload.strict": True},
        {KV: 8000, "workload.arrivals.rate_per_s": 0.4},
        {KV: 8000, "workload.arrivals": {"process": "closed_loop", "users": 4, "think_time_s": 0.0}},
        {KV: 8000, "workload.mix": [{"family": "tool_chat"}]},
        {"cluster.view_delay_s": 0.005},
    ],
    ids=str,
)
def test_nothing_is_said_where_load_means_what_it_did_or_the_programs_are_others(changes: dict[str, Any]) -> None:
    assert said("coding_agents", changes) == []


def test_another_load_is_compared_as_itself() -> None:
    (warning,) = said("coding_agents", {KV: 8000, "workload.arrivals.load": 0.5})
    assert "load 0.5 means 0.1 programs per second here and 0.2 in the scenario" in warning


def test_what_a_file_says_itself_is_not_an_override(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: coding_agents\ncluster: {view_delay_s: 1.0}\n")
    assert said(path) == []
    (warning,) = said(path, ["cluster.view_delay_s=3"])
    assert "load 1 means 0.1 programs per second here and 0.2 in the scenario as it stands in its file" in warning


def test_overrides_on_overrides_are_measured_against_the_file() -> None:
    changed = load_scenario("coding_agents", [f"{KV}=8000"])
    assert "here and 0.4 in the scenario" in said(changed)[0]
    assert "means 0.1 programs per second here and 0.4" in said(changed, ["cluster.view_delay_s=1"])[0]
    assert said(changed, [f"{KV}=null"]) == []
    assert said(pickle.loads(pickle.dumps(changed))) == said(changed)


def test_where_a_scenario_came_from_does_not_make_it_another() -> None:
    changed = load_scenario("coding_agents", [f"{KV}=8000"])
    same = load_scenario(changed.model_dump(mode="json", exclude_unset=True))
    assert changed.as_filed is not None
    assert same.as_filed is None
    assert changed == same
    assert changed != load_scenario("coding_agents")
    assert changed.content_hash() == same.content_hash()


def test_both_rates_are_in_the_report_and_on_the_environment() -> None:
    with pytest.warns(LoadWarning):
        env = gymnasium.make("AgentSim/Routing-v1", scenario="coding_agents", overrides=[f"{KV}=8000"])
    env.reset(seed=0)
    simulator = env.get_wrapper_attr("simulator")
    assert simulator.source.rate_per_s == 0.2
    assert simulator.source.load.filed_rate_per_s == 0.4
    simulator.run()
    assert "\n\nload 1 means 0.2 programs per second here and 0.4 in the scenario" in markdown(simulator.records())


def test_both_rates_are_in_the_results_of_an_evaluation() -> None:
    scenario = load_scenario("tool_chat", {KV: 8000, "episode": {"programs": 6, "warmup_programs": 1}})
    with pytest.warns(LoadWarning):
        results = evaluate(["random"], scenario=scenario, seeds=1)
    assert "\nNote: load 1.2 means 0.24 programs per second here and 0.48 in the scenario" in table(results)


def test_processes_of_an_evaluation_do_not_repeat_what_was_said() -> None:
    scenario = load_scenario("tool_chat", {KV: 8000, "episode": {"programs": 6, "warmup_programs": 1}})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert len(make_player(Contest("routing", scenario, ("random",)))(0)) == 1
    assert caught == []


def test_rules_that_are_replaced_leave_the_arrivals_alone() -> None:
    source = Simulator("coding_agents", bundle="saga", rules={"route_turn": "random"}).source
    assert source.rate_per_s == 0.4
    assert load("coding_agents", bundle="saga").workload.arrivals.rate_per_s == 0.4  # type: ignore[union-attr]
    with pytest.warns(LoadWarning, match="0.2 programs per second here and 0.4"):
        load("coding_agents", [f"{KV}=8000"], bundle="saga")


def test_a_file_that_can_serve_nothing_is_nothing_to_compare_with(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: coding_agents\ncluster: {instances: [{gpu: H100, kv_blocks: 100}]}\n")
    assert said(path, [f"{KV}=8192"]) == []


def test_a_rate_in_the_place_of_the_load_is_nobodys_override() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert prepare(load_scenario("coding_agents", [f"{KV}=8000"]), rate_per_s=0.3).load is None
