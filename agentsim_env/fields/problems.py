"""How the schema's own checks report what is wrong: at a field, with what would be allowed."""

from collections.abc import Collection, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

NOT_KNOWN = "not_known"


def not_known(what: str, name: str, allowed: Collection[str], path: Sequence[str | int] = ()) -> ValidationError:
    """An error for a name that is not in a list.

    Args:
        what: What the name stands for, as in "unknown {what}".
        name: The name that was given.
        allowed: The names that exist.
        path: Where it stands, below the field or part that is being checked; empty where the name is the field's value.
    """
    error = PydanticCustomError(NOT_KNOWN, "unknown {what}", {"what": what, "name": name, "allowed": tuple(allowed)})
    details = InitErrorDetails(type=error, loc=tuple(path), input=None if path else name)
    return ValidationError.from_exception_data("Scenario", [details])


def not_allowed(reason: str, value: object, path: Sequence[str | int]) -> ValidationError:
    """An error for a value that contradicts another one; `reason` says what is allowed.

    Args:
        reason: What is required, in words.
        value: The value that was given.
        path: The field to blame, below the part that is being checked.
    """
    context: dict[str, Any] = {"reason": reason}
    error = PydanticCustomError("not_allowed", "{reason}", context)
    return ValidationError.from_exception_data("Scenario", [InitErrorDetails(type=error, loc=tuple(path), input=value)])
