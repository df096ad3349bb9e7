"""The error that this package raises on purpose."""

from agentsim_env.errors import AgentSimError


class AgentError(AgentSimError, ValueError):
    """An agent cannot be made, or does not fit the environment; the message says what would."""
