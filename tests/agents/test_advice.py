"""A policy that a rule advises brings that rule along, and acts nowhere without it."""

from pathlib import Path

import numpy as np
import pytest

from agentsim_env import Scenario, ScenarioError, Simulator, load_scenario
from agentsim_env.agents import AgentError, LinearPolicy
from agentsim_env.agents.advice import advised_by, scenario_for, with_advice
from agentsim_env.envs.admission import AdmissionEnv
from agentsim_env.envs.advice_feature import ADVISED
from agentsim_env.policies.advice import advice_of
from agentsim_env.policies.weights import LinearWeights
from agentsim_env.training.evaluate import evaluate
from tests.small import small

RULES = {"admit_program": "max_programs", "rule_params": {"admit_program": {"per_instance": 3.0}}}


@pytest.fixture
def scenario() -> Scenario:
    return small("tight", {"rules.schedule_turn": "plas"})


@pytest.fixture
def follower(scenario: Scenario) -> LinearPolicy:
    """What always follows the advice of RULES."""
    env = AdmissionEnv(with_advice(scenario, RULES))
    weights = np.zeros((len(env.feature_names), 1), np.float32)
    weights[env.feature_names.index(ADVISED)] = 1.0
    origin = {"environment": "admission", "advice": advice_of(env.scenario, ["admit_program"])}
    return LinearPolicy(LinearWeights(weights), env.feature_names, 0, "follower", origin)


def test_other_rules_stay_as_they_are(scenario: Scenario) -> None:
    advised = with_advice(scenario, RULES)
    assert advised.decisions.advice
    assert (advised.rules.admit_program, advised.rules.schedule_turn) == ("max_programs", "plas")
    assert advised.rules.params("admit_program")["per_instance"] == 3.0
    assert with_advice(advised, {"admit_program": "max_programs"}).rules.params("admit_program")["per_instance"] == 16.0


def test_programs_arrive_as_before() -> None:
    """A load would mean another rate under another rule."""
    loaded = small("equal", {"workload.arrivals": {"process": "poisson", "load": 0.8}})
    rates = [Simulator(one).source.rate_per_s for one in (loaded, with_advice(loaded, {"route_turn": "round_robin"}))]
    assert rates[0] == rates[1]


@pytest.mark.parametrize(
    ("advice", "rule"),
    [("rules", "admit"), ("watermark", "watermark"), ("{admit_program: gate}", "gate"), ("bundle:concur", "concur")],
)
def test_who_advises_is_said_in_a_few_ways(scenario: Scenario, advice: str, rule: str) -> None:
    advised = advised_by(scenario, advice, ["admit_program"])
    assert advised.rules.admit_program == rule
    assert advised.decisions.advice


def test_one_rule_is_none_for_several_kinds(scenario: Scenario) -> None:
    with pytest.raises(AgentError, match="several kinds are trained"):
        advised_by(scenario, "watermark", ["admit_program", "route_turn"])


def test_an_evaluation_has_the_rule_advise(scenario: Scenario, follower: LinearPolicy) -> None:
    """So who follows it comes to what the rule with these parameters comes to, in a scenario that knows of neither."""
    results = evaluate([follower, "admit"], scenario=scenario, seeds=[3])
    there = scenario_for(follower, scenario)
    closed = Simulator(there)
    closed.reset(3)
    closed.run()
    costs = [rollout.metrics["mean_cost_s"] for rollout in results.rollouts[0]]
    assert results.environment == "admission"
    assert costs[0] == closed.summary()["mean_cost_s"] != costs[1]
    assert scenario_for(follower, there) is there


def test_elsewhere_it_says_what_is_missing(scenario: Scenario, follower: LinearPolicy, tmp_path: Path) -> None:
    wanted = r"decisions\.advice=true, rules\.admit_program=max_programs, rules\.rule_params="
    with pytest.raises(AgentError, match=wanted):
        follower.bind(AdmissionEnv(scenario))
    path = follower.save(tmp_path / "follower.safetensors")
    inside = load_scenario(scenario, {"rules.policies": {"admit_program": str(path)}})
    with pytest.raises(ScenarioError, match=rf"rules\.policies\.admit_program = .*: follows the advice.*{wanted}"):
        Simulator(inside)
    Simulator(load_scenario(with_advice(scenario, RULES), {"rules.policies": {"admit_program": str(path)}}))
