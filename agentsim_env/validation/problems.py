"""What is wrong with the files that a validation is given."""


class ValidationError(ValueError):
    """A file of measurements or an engine description that cannot be used; the message says why."""
