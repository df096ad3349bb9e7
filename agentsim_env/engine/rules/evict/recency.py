"""Eviction by the time of the last use."""

from agentsim_env.engine.jit import compiled


@compiled
def lru(state, pool):
    """The record that was released longest ago (vLLM)."""
    return state.pool[pool].oldest
