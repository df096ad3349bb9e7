"""Answers to decisions: whole numbers, and nothing that merely looks like one."""

from operator import index
from typing import Any

import numpy as np

from agentsim_env.errors import AgentSimError, shown


class ActionError(AgentSimError, ValueError):
    """An action is not a whole number, or not one of those that there are."""


def whole_number(value: Any) -> int | None:
    """A whole number of Python, NumPy or torch, also as an array or tensor without a dimension; None for the rest.

    Numbers with a fraction, texts, truth values and arrays of one number are where a whole number is meant by mistake
    only.
    """
    if type(value) is int:
        return value
    if type(value) is np.int64:  # what a space draws, and what most policies answer
        return int(value)
    # A tensor of one truth value, or of one number with a dimension around it, has an index too.
    kind = str(getattr(value, "dtype", type(value).__name__))
    if "bool" in kind or getattr(value, "ndim", 0) != 0:
        return None
    try:
        return index(value)
    except TypeError:
        return None


def numbered(action: Any, n: int, of: str = "") -> int:
    """An action as its number, from 0 to n - 1.

    Args:
        action: What an agent has answered.
        n: Answers that there are.
        of: Name of the agent, where there are several.

    Raises:
        ActionError: It is not a whole number, or there is no such action.
    """
    number = action if type(action) is int else whole_number(action)
    if number is not None and 0 <= number < n:
        return number
    whose = f" of {of}" if of else ""
    given = shown(action if number is None else number)
    kind = ", whole numbers" if number is None else ""
    raise ActionError(f"action {given}{whose} is outside Discrete({n}): actions are 0 to {n - 1}{kind}")
