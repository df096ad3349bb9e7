"""Prefetch for turns that have come back and wait."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import first_ready, next_ready
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.tiers.prefetch_subjects import can_bring_up


@compiled
def none(state, i):
    """A prefix is brought up when its turn could be admitted, not before."""
    return NONE


@compiled
def first_waiting(state, i, n):
    """The first of the first `n` waiting turns for which there is something to bring up, or NONE."""
    s = first_ready(state, i)
    while s != NONE and n > 0:
        # What a prefill instance keeps for a turn comes when it is admitted.
        if not state.slot[s].handed and can_bring_up(state, i, state.slot[s].turn):
            return state.slot[s].turn
        s = next_ready(state, s)
        n -= 1
    return NONE


@compiled
def on_return(state, i):
    """A prefix is brought up as soon as its turn joins the queue, in the order of the queue."""
    return first_waiting(state, i, state.instance[i].n_waiting)


@compiled
def look_ahead(state, i, share=1.0):
    """So are those of the turns in a window of the queue, as many as have room in `share` (1) of HBM.

    CachedAttention (ATC'24): a window of `C / S` jobs, C being the memory that is fetched to and S the mean size of a
    context in the queue.
    """
    instance = state.instance[i]
    if instance.queued_tokens == 0:
        return NONE
    tokens = share * state.pool[i].capacity * state.world[0].block_size
    return first_waiting(state, i, int(tokens * instance.n_waiting / instance.queued_tokens))
