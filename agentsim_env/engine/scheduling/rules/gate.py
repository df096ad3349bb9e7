"""The evolved gate (AgentServeSim, arXiv 2606.09613v3): an order, and turns held back while memory is full."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import first_ready, next_ready
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.prefix_lookup import uncached_tokens
from agentsim_env.engine.residency.residency import available_blocks
from agentsim_env.engine.scheduling.rules.pinned import is_pinned

MILLISECONDS = 1000.0


@compiled
def _passes(state, i, s, utilisation_limit):
    """Whether a turn may be admitted at all; one that was preempted or whose KV is pinned always may."""
    if state.turn_run[state.slot[s].turn].preemptions > 0 or is_pinned(state, i, s):
        return True
    pool = state.pool[i]
    if pool.used - pool.idle <= utilisation_limit * pool.capacity:
        return True
    return uncached_tokens(state, i, s) <= available_blocks(state, i) * state.world[0].block_size


@compiled
def gate(state, i, utilisation_limit=0.9, most_tokens=10_000.0):
    """The lowest `ready in ms + min(prompt tokens, most_tokens)` among the turns that pass, first of those with a pin.

    A turn is held back while the blocks in use exceed `utilisation_limit` of the pool and its uncached tokens exceed
    what is free or idle; others pass it. If all are held back and nothing runs, the head of the queue goes.
    """
    best, best_pinned, least = NONE, False, 0.0
    s = first_ready(state, i)
    while s != NONE:
        slot = state.slot[s]
        tokens = min(float(state.turn[slot.turn].prompt_tokens), most_tokens)
        key = state.turn_run[slot.turn].ready_s * MILLISECONDS + tokens
        pinned = is_pinned(state, i, s)
        first = best == NONE or (pinned and not best_pinned) or (pinned == best_pinned and key < least)
        if first and _passes(state, i, s, utilisation_limit):
            best, best_pinned, least = s, pinned, key
        s = next_ready(state, s)
    return best
