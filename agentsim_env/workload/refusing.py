"""How a workload is refused: the first entry that is wrong, its field, its value, and what is allowed."""

from collections.abc import Callable

import numpy as np

from agentsim_env.errors import AgentSimError


class InvalidProgramsError(AgentSimError, ValueError):
    """A workload breaks an invariant; the message names the entry, the field and what is allowed."""


def refuse(bad: np.ndarray, message: Callable[[int], str]) -> None:
    """Refuses the first of the entries that are bad, if there is one; `message` tells of an entry by its number."""
    if bad.any():
        where = np.flatnonzero(bad)
        more = f" (and {len(where) - 1} more)" if len(where) > 1 else ""
        raise InvalidProgramsError(message(int(where[0])) + more)


def _outside(values: np.ndarray, least: float, most: float) -> bool:
    """Whether any of some numbers is out of bounds, NaN too; quick, so that which one is asked for afterwards."""
    return len(values) > 0 and not (values.min() >= least and values.max() <= most)


def check_range(values: np.ndarray, name: str, least: float, most: float, allowed: str) -> None:
    """Refuses numbers that are not in `least .. most`; `name` is that of an entry and of a field, as "turn.segment"."""
    if _outside(values, least, most):
        entry, field = name.split(".")
        bad = ~((values >= least) & (values <= most))
        refuse(bad, lambda i: f"{entry} {i}: {field} = {values[i]}: {allowed}")
