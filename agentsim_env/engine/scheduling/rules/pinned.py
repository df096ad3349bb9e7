"""Turns whose KV is pinned for them."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.residency.pins import follows


@compiled
def is_pinned(state, i, s):
    """Whether instance `i` keeps something for a waiting turn."""
    t = state.slot[s].turn
    x = state.program_run[state.slot[s].program].pin
    while x != NONE:
        if state.pin[x].instance == i and follows(state, t, state.pin[x].turn):
            return True
        x = state.pin[x].next_of_program
    return False
