import numpy as np
import pytest

from agentsim_env import Simulator, load_scenario
from agentsim_env.agents import AgentError, BundleAgent, make_agent
from agentsim_env.scenario import ScenarioError
from agentsim_env.training.evaluate import evaluate
from tests.small import small


def test_a_bundle_is_played_with_all_its_rules_on_the_programs_of_the_others() -> None:
    scenario = small("equal")
    results = evaluate(["least_loaded", "bundle:saga"], scenario=scenario, seeds=1)
    simulator = Simulator(scenario, bundle="saga")
    simulator.reset(0)
    simulator.run()
    plain, bundle = results.rollouts[0]
    assert bundle.records_hash == simulator.records().content_hash()
    assert bundle.workload_hash == plain.workload_hash
    assert bundle.records_hash != plain.records_hash


def test_rules_that_are_spelled_out_are_played_with_their_parameters() -> None:
    scenario = small("equal")
    limited = "admit_program: max_programs, rule_params: {admit_program: {per_instance: 1}}"
    spelled = f"bundle:{{route_turn: power_of_two, schedule_turn: plas, {limited}}}"
    (rollout,) = evaluate([f"mine={spelled}"], scenario=scenario, seeds=1).rollouts[0]
    rules = {"bundle": "agentservesim.stock", "route_turn": "power_of_two", "schedule_turn": "plas"}
    rules |= {"admit_program": "max_programs", "rule_params": {"admit_program": {"per_instance": 1.0}}}
    simulator = Simulator(load_scenario(scenario, {"rules": rules}))
    simulator.reset(0)
    simulator.run()
    assert rollout.records_hash == simulator.records().content_hash()


def test_it_has_the_name_of_the_bundle_or_another_one() -> None:
    assert make_agent("bundle:saga").name == "saga"
    named = make_agent("mine=bundle:saga")
    assert isinstance(named, BundleAgent)
    assert (named.name, named.bundle) == ("mine", "saga")


def test_an_unknown_bundle_names_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match="unknown bundle 'sga'; did you mean saga"):
        make_agent("bundle:sga")


def test_it_cannot_be_asked_decision_by_decision() -> None:
    with pytest.raises(AgentError, match="bundle saga: its rules answer inside the simulator"):
        BundleAgent("saga").act(np.zeros(1), {})
