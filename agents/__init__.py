"""Agents: whatever answers the simulator's decisions from outside."""

from agentsim_env.agents.bundle import BundleAgent
from agentsim_env.agents.errors import AgentError
from agentsim_env.agents.exported import ExportedPolicy
from agentsim_env.agents.function import FunctionAgent
from agentsim_env.agents.gated_policy import GatedPolicy
from agentsim_env.agents.linear_policy import LinearPolicy
from agentsim_env.agents.loading import make_agent
from agentsim_env.agents.numpy_policy import NumpyPolicy, load_policy
from agentsim_env.agents.protocol import Agent, Candidates, candidates_of
from agentsim_env.agents.rule import RuleAgent
from agentsim_env.agents.uniform import RandomAgent

__all__ = [
    "Agent",
    "AgentError",
    "BundleAgent",
    "Candidates",
    "ExportedPolicy",
    "FunctionAgent",
    "GatedPolicy",
    "LinearPolicy",
    "NumpyPolicy",
    "RandomAgent",
    "RuleAgent",
    "candidates_of",
    "load_policy",
    "make_agent",
]
