"""The error that this package raises on purpose."""


class AgentError(ValueError):
    """An agent cannot be made, or does not fit the environment; the message says what would."""
