"""The error of the environments' own arguments."""

from agentsim_env.errors import AgentSimError


class EnvError(AgentSimError, ValueError):
    """An argument of an environment is not one that there is; the message says what is allowed."""
