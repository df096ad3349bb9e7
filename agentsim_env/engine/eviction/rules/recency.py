"""Eviction by the time or the number of uses."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.eviction.rules.lowest import lowest


@compiled
def lru(state, pool):
    """The record that was released longest ago (vLLM)."""
    return state.pool[pool].oldest


@lowest
def lfu(state, pool, r):
    """The record that the fewest turns have used since it came into HBM (SGLang's `lfu`)."""
    return state.resident[r].uses


@lowest
def fifo(state, pool, r):
    """The record that came first, however it has been used since (the baseline of CachedAttention, ATC'24)."""
    return state.resident[r].entered


@lowest
def largest(state, pool, r):
    """The record with the most blocks: one that makes the most room."""
    return -state.resident[r].blocks
