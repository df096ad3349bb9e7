"""How most scheduling rules choose: the waiting turn with the lowest key."""

from collections.abc import Callable
from typing import Any

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import first_ready, next_ready
from agentsim_env.engine.core.rule import made_of
from agentsim_env.engine.core.state import NONE


def lowest(key: Callable[..., Any]) -> Callable[..., Any]:
    """Make a rule of a key `(state, i, s, ...) -> number`: the lowest of the queue, of equals the first in it."""
    key_of = compiled(key)

    def rule(state, i, *parameters):
        best, least = NONE, 0.0
        s = first_ready(state, i)
        while s != NONE:
            value = float(key_of(state, i, s, *parameters))
            if best == NONE or value < least:
                best, least = s, value
            s = next_ready(state, s)
        return best

    return made_of(key, rule)
