"""Agents: whatever answers the simulator's decisions from outside."""

from agents.errors import AgentError
from agents.function import FunctionAgent
from agents.loading import make_agent
from agents.numpy_policy import NumpyPolicy
from agents.protocol import Agent, Candidates, candidates_of
from agents.rule import RuleAgent
from agents.uniform import RandomAgent

__all__ = [
    "Agent",
    "AgentError",
    "Candidates",
    "FunctionAgent",
    "NumpyPolicy",
    "RandomAgent",
    "RuleAgent",
    "candidates_of",
    "make_agent",
]
