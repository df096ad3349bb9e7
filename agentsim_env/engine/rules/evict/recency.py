"""Eviction by the time or the number of uses."""

from agentsim_env.engine.jit import compiled
from agentsim_env.engine.state import NONE


@compiled
def lru(state, pool):
    """The record that was released longest ago (vLLM)."""
    return state.pool[pool].oldest


@compiled
def lfu(state, pool):
    """The record that the fewest turns have used, of equals the one released longest ago."""
    best, least = NONE, 0
    r = state.pool[pool].oldest
    while r != NONE:
        record = state.resident[r]
        if record.children == 0 and (best == NONE or record.uses < least):
            best, least = r, record.uses
        r = record.newer
    return best
