"""Scenarios: cluster, workload, rules, reward and episode in one validated YAML file."""

from agentsim_env.scenario.bundle import bundles
from agentsim_env.scenario.errors import ScenarioError
from agentsim_env.scenario.loader import DEFAULT, library, load_scenario
from agentsim_env.scenario.schema import Scenario

__all__ = ["DEFAULT", "Scenario", "ScenarioError", "bundles", "library", "load_scenario"]
