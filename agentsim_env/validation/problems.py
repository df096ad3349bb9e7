"""What is wrong with the files that a validation is given."""

from agentsim_env.errors import AgentSimError


class ValidationError(AgentSimError, ValueError):
    """A file of measurements or an engine description that cannot be used; the message says why."""
