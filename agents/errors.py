"""What can be wrong with an agent."""

from agentsim_env.policies.errors import AgentError

__all__ = ["AgentError"]
