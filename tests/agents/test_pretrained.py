"""Agents that come with the package: each is read, fits its environment, and has a card that says what it is worth."""

import pytest

from agentsim_env.agents import AgentError, make_agent
from agentsim_env.agents.advice import scenario_for
from agentsim_env.agents.exported import ExportedPolicy
from agentsim_env.policies import pretrained
from agentsim_env.scenario import load_scenario
from agentsim_env.training.environments import make_environment


def test_some_kinds_are_among_them() -> None:
    assert {"routing", "scheduling", "admission"} <= set(pretrained.names())


@pytest.mark.parametrize("name", pretrained.names())
def test_each_fits_its_environment(name: str) -> None:
    agent = make_agent(f"pretrained:{name}")
    assert isinstance(agent, ExportedPolicy)
    assert agent.name == name
    card = pretrained.card(name)
    scenario = load_scenario(card["training"]["scenario"])
    assert scenario.content_hash() == card["results"]["scenario_hash"]
    there = scenario_for(agent, scenario)
    assert there.content_hash() == agent.origin["scenario"]
    agent.bind(make_environment(agent.origin["environment"], there))


@pytest.mark.parametrize("name", pretrained.names())
def test_each_card_says_how_it_was_made_and_what_it_reaches(name: str) -> None:
    card = pretrained.card(name)
    assert card["training"]["command"].startswith("agentsim train ")
    assert card["training"]["steps"] > 0
    assert card["limits"]
    results = card["results"]
    assert results["seeds"] >= 60
    own = results["mean_jct_s"][results["reference"]]
    others = [row for agent, row in results["mean_jct_s"].items() if agent != results["reference"]]
    assert all(row["mean"] > own["mean"] and row["change_low"] > 0.0 for row in others)


def test_unknown_names_list_those_that_there_are() -> None:
    with pytest.raises(AgentError, match=r"no agent pretrained:tuned; there are: .*pretrained:routing"):
        make_agent("pretrained:tuned")
