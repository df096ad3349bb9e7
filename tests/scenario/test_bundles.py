"""Bundles: published systems as sets of rules, with the rules that really exist."""

from pathlib import Path

import pytest

from agentsim_env import Simulator
from agentsim_env.scenario import ScenarioError, bundles, load_scenario
from agentsim_env.scenario.bundle import STOCK, bundle_of, find_bundle, rules_of
from agentsim_env.scenario.rules import KINDS, Rules

pytestmark = pytest.mark.usefixtures("real_names")


def test_the_published_systems_are_there() -> None:
    systems = {
        "continuum",
        "continuum_released",
        "saga",
        "autellix",
        "infercept",
        "thunderagent",
        "mori",
        "concur",
        "concur_tuned",
        "gate",
    }
    assert {STOCK, "agentservesim.plas"} | systems <= set(bundles())


@pytest.mark.parametrize("name", bundles())
def test_each_is_valid_and_says_what_it_is(name: str) -> None:
    assert find_bundle(name).description
    assert set(rules_of(name).by_kind()) == set(KINDS)


def test_stock_is_lru_and_fcfs_at_home() -> None:
    rules = rules_of(STOCK)
    assert (rules.route_turn, rules.schedule_turn, rules.evict_kv) == ("session_affinity", "fcfs", "lru")
    assert set(find_bundle(STOCK).rules) == set(KINDS)


def test_each_is_known_by_its_rules() -> None:
    """No two have the same rules and parameters."""
    assert [bundle_of(rules_of(name)) for name in bundles()] == list(bundles())
    assert bundle_of(Rules(schedule_turn="shortest_prompt")) is None


def test_what_a_bundle_leaves_out_is_stock() -> None:
    stock = rules_of(STOCK).by_kind()
    assert rules_of("thunderagent").by_kind() == {**stock, "admit_program": "thunder_agent"}


def test_a_bundle_stands_for_its_rules() -> None:
    spelled = load_scenario("coding_agents", {"rules": rules_of("autellix").by_kind()})
    assert load_scenario("coding_agents", ["rules.bundle=autellix"]).content_hash() == spelled.content_hash()


def test_rules_beside_it_and_above_it_come_over_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: coding_agents\nrules: {bundle: autellix, preempt_turn: largest}\n")
    rules = load_scenario(path, ["rules.route_turn=random"]).rules
    assert (rules.route_turn, rules.schedule_turn, rules.preempt_turn) == ("random", "autellix_mlfq", "largest")


def test_it_replaces_all_rules_below_it_and_their_parameters() -> None:
    below = load_scenario(
        "coding_agents",
        {"rules": {"admit_program": "concur", "rule_params": {"admit_program": {"increase": 5.0}}}},
    )
    rules = load_scenario(below, ["rules.bundle=gate"]).rules
    assert rules.admit_program == "admit"
    assert rules.rule_params == {}
    assert (
        load_scenario(load_scenario(below, ["rules.bundle=gate"]), ["rules.bundle=concur"]).rules.params(
            "admit_program"
        )["increase"]
        == 2.0
    )


def test_parameters_beside_it_are_those_of_its_rules() -> None:
    rules = load_scenario("coding_agents", ["rules.bundle=concur", "rules.rule_params.admit_program.increase=3"]).rules
    assert rules.params("admit_program")["increase"] == 3.0


def test_a_rule_that_is_asked_again_needs_a_time_between() -> None:
    message = r"rules\.rule_params\.retain_kv\.period_s = 0\.0: must be from 0\.001 to 1e\+09: seconds"
    with pytest.raises(ScenarioError, match=message):
        load_scenario("pressure_2", ["rules={bundle: infercept, rule_params: {retain_kv: {period_s: 0}}}"])


def test_an_unknown_one_is_named_with_its_line_and_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: coding_agents\nrules:\n  bundle: sagga\n")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    assert str(caught.value).startswith(
        f"{path}:3: rules.bundle = 'sagga': unknown bundle; did you mean saga?; allowed: {bundles()[0]}, "
    )


def test_the_simulator_takes_it_and_rules_over_it() -> None:
    simulator = Simulator(
        load_scenario("coding_agents", ["workload.arrivals.rate_per_s=1"]),
        bundle="autellix",
        rules={"route_turn": "random"},
    )
    assert simulator.scenario.rules.by_kind() == {**rules_of("autellix").by_kind(), "route_turn": "random"}


def test_programs_arrive_as_under_the_rules_of_the_scenario() -> None:
    scenario = load_scenario("coding_agents", {"workload.arrivals": {"process": "poisson", "rate_per_s": 2.0}})
    assert Simulator(scenario, bundle="saga").source.rate_per_s == 2.0
    assert Simulator(scenario, bundle="saga").metadata()["bundle"] == "saga"
