"""The bases of all errors that this package raises, and of all warnings that it gives, on purpose."""


class AgentSimError(Exception):
    """Something from outside (a file, an argument, a name) cannot be used; the message says what is allowed.

    Each part of the package has a kind of its own; all of them are this one, so that a caller, and the command line,
    can tell a wrong input from a fault of ours.
    """


class AgentSimWarning(UserWarning):
    """Something works, but may not mean what whoever asked for it thinks; the message says what it means."""


def shown(value: object) -> str:
    """A value as it stands in a message; Python does not write out numbers of thousands of digits."""
    try:
        return repr(value)
    except ValueError:
        long = "a number of thousands of digits"
        return long if isinstance(value, int) else f"a {type(value).__name__} with {long}"
