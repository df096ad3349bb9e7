"""Pins of an exact length: what rules answer that work one out."""

from agentsim_env.engine.core.decisions import LEAVE, PIN
from agentsim_env.engine.core.jit import compiled


@compiled
def pin_for(state, seconds):
    """The answer that pins for so long; no time at all is the answer that leaves the KV."""
    if not seconds > 0.0:
        return LEAVE
    state.world[0].pin_s = seconds
    return PIN + state.world[0].n_pin_times


@compiled
def give_up_first(state):
    """The answer that leaves the KV to be evicted before all else: a pin of no length."""
    state.world[0].pin_s = 0.0
    return PIN + state.world[0].n_pin_times
