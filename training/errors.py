"""The error that this package raises on purpose."""


class TrainingError(ValueError):
    """A training or an evaluation cannot be run as asked; the message says what is allowed."""
