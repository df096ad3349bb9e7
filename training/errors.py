"""The error that this package raises on purpose."""

from agentsim_env.errors import AgentSimError


class TrainingError(AgentSimError, ValueError):
    """A training or an evaluation cannot be run as asked; the message says what is allowed."""
