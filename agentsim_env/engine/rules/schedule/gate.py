"""The evolved gate (AgentServeSim, arXiv 2606.09613v3): an order, and turns held back while memory is full."""

from agentsim_env.engine.decisions import SCHEDULE_TURN
from agentsim_env.engine.jit import compiled
from agentsim_env.engine.lists import first_ready, next_ready
from agentsim_env.engine.prefix import uncached_tokens
from agentsim_env.engine.residency import available_blocks
from agentsim_env.engine.state import NONE

MILLISECONDS = 1000.0


@compiled
def _passes(state, i, s):
    """Whether a turn may be admitted at all; one that was preempted always may."""
    if state.turn_run[state.slot[s].turn].preemptions > 0:
        return True
    pool = state.pool[i]
    if pool.used - pool.idle <= state.parameter[SCHEDULE_TURN, 0] * pool.capacity:
        return True
    return uncached_tokens(state, i, s) <= available_blocks(state, i) * state.world[0].block_size


@compiled
def gate(state, i):
    """The lowest `ready in ms + min(prompt tokens, most_tokens)` among the turns that pass.

    A turn is held back while the blocks in use exceed `utilisation_limit` of the pool and its uncached tokens exceed
    what is free or idle; others pass it. If all are held back and nothing runs, the head of the queue goes.
    """
    best, least = NONE, 0.0
    s = first_ready(state, i)
    while s != NONE:
        slot = state.slot[s]
        tokens = min(float(state.turn[slot.turn].prompt_tokens), state.parameter[SCHEDULE_TURN, 1])
        key = state.turn_run[slot.turn].ready_s * MILLISECONDS + tokens
        if (best == NONE or key < least) and _passes(state, i, s):
            best, least = s, key
        s = next_ready(state, s)
    return best
