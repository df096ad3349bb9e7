"""The error that this package raises on purpose, and its warning."""

from agentsim_env.errors import AgentSimError, AgentSimWarning


class TrainingError(AgentSimError, ValueError):
    """A training or an evaluation cannot be run as asked; the message says what is allowed."""


class TrainingWarning(AgentSimWarning):
    """A training runs, but not to the end that somebody expects of it; the message says what would help."""
