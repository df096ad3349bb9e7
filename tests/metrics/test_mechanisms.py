"""Counters of what rules do, and reports that say when a rule has done nothing."""

import pytest

from agentsim_env import Simulator, load_scenario
from agentsim_env.engine.core.decisions import DECISIONS
from agentsim_env.engine.tables import RULES, shown_by
from agentsim_env.metrics.mechanisms import INSTANCE_COUNTERS, counters, idle_rules
from agentsim_env.metrics.report import notes
from agentsim_env.scenario import Scenario

SMALL = {
    "workload.arrivals": {"process": "poisson", "rate_per_s": 0.5},
    "cluster.instances.0.count": 2,
    "cluster.instances.0.kv_blocks": 9000,
    "episode": {"programs": 24, "warmup_programs": 0},
}


@pytest.fixture
def tight() -> Scenario:
    """More contexts than memory holds."""
    return load_scenario("coding_agents", SMALL)


def run(scenario: Scenario, rules: dict[str, str]) -> Simulator:
    simulator = Simulator(scenario, rules=rules)
    simulator.reset(0)
    simulator.run()
    return simulator


def test_every_rule_of_these_kinds_has_something_to_show() -> None:
    for kind, row in DECISIONS.items():
        for rule in RULES[kind]:
            assert kind == "route_turn" or bool(shown_by(kind, rule)) == (rule != row.default)


def test_only_counters_that_exist_are_named() -> None:
    named = {name for kind in RULES for rule in RULES[kind] for name in shown_by(kind, rule)}
    assert named <= {"holds", "pauses", "programs_rejected", *INSTANCE_COUNTERS}


def test_what_an_engine_does_by_itself_has_no_mechanism(tight: Scenario) -> None:
    records = run(tight, {}).records()
    assert idle_rules(records) == []
    assert counters(records)["holds"] == counters(records)["reordered"] == 0


def test_a_rule_that_has_acted_is_not_idle(tight: Scenario) -> None:
    simulator = run(tight, {"admit_program": "max_programs", "schedule_turn": "shortest_prompt"})
    assert simulator.summary()["idle_rules"] == 1.0  # 16 programs an instance never are
    (idle,) = idle_rules(simulator.records())
    assert idle == ("admit_program", "max_programs", ("holds", "programs_rejected"))
    assert "admit_program: max_programs never did what it is for" in "".join(notes(simulator.records()))
    assert simulator.summary()["reordered"] > 0


def test_a_kind_that_an_agent_answers_is_not_idle(tight: Scenario) -> None:
    simulator = Simulator(tight, rules={"admit_program": "max_programs"}, agent_kinds=("admit_program",))
    simulator.reset(0)
    simulator.run()
    assert idle_rules(simulator.records()) == []


def test_time_held_is_from_arrival_to_admission(tight: Scenario) -> None:
    limited = load_scenario(
        tight,
        {"rules": {"admit_program": "max_programs", "rule_params": {"admit_program": {"per_instance": 1.0}}}},
    )
    records = run(limited, {}).records()
    held = records.programs["held_s"]
    assert counters(records)["holds"] == (held > 0).sum() > 10
    # Two at a time: whoever comes when both places are taken waits for an end.
    assert set(records.programs["arrival_s"][held > 0] + held[held > 0]) <= set(records.programs["end_s"])
    assert run(limited, {}).summary()["mean_held_s"] == pytest.approx(held.mean())


def test_paused_time_is_that_of_the_pauses(tight: Scenario) -> None:
    records = run(tight, {"admit_program": "thunder_agent"}).records()
    programs = records.programs
    assert counters(records)["pauses"] == programs["pauses"].sum() > 0
    assert ((programs["paused_s"] > 0) == (programs["pauses"] > 0)).all()
    # It looks every five seconds: a pause lasts whole periods, unless the program ends.
    assert programs["paused_s"].max() >= 5.0
    assert (programs["paused_s"] <= programs["jct_s"]).all()


def test_how_far_from_the_bound(tight: Scenario) -> None:
    figures = run(tight, {}).summary()
    assert figures["jct_over_ideal"] == pytest.approx(figures["mean_jct_s"] / figures["mean_ideal_s"])
    assert figures["jct_over_ideal"] > 1.0
