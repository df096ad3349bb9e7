"""How most eviction rules choose: the idle record with the lowest key."""

from collections.abc import Callable
from typing import Any

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.rule import made_of
from agentsim_env.engine.core.state import NONE


@compiled
def first_candidate(state, pool):
    """The record of a pool that was released longest ago among those that may go: idle, without resident children."""
    return _candidate_from(state, state.pool[pool].oldest)


@compiled
def next_candidate(state, r):
    """The next one, or NONE."""
    return _candidate_from(state, state.resident[r].newer)


@compiled
def _candidate_from(state, r):
    while r != NONE and state.resident[r].children > 0:
        r = state.resident[r].newer
    return r


def lowest(key: Callable[..., Any]) -> Callable[..., Any]:
    """Make a rule of `(state, pool, r, ...) -> number`: the lowest goes, of equals the one released longest ago."""
    key_of = compiled(key)

    def rule(state, pool, *parameters):
        best, least = NONE, 0.0
        r = first_candidate(state, pool)
        while r != NONE:
            value = float(key_of(state, pool, r, *parameters))
            if best == NONE or value < least:
                best, least = r, value
            r = next_candidate(state, r)
        return best

    return made_of(key, rule)
