"""The error that policies and agents raise on purpose."""

from agentsim_env.errors import AgentSimError


class AgentError(AgentSimError, ValueError):
    """An agent cannot be made or read, or does not fit the environment; the message says what would."""
