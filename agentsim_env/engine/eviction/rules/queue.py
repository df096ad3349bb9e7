"""Eviction by who will come: the waiting queue (CachedAttention), the order of the programs (Continuum)."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import ACTIVE, NONE
from agentsim_env.engine.eviction.rules.lowest import first_candidate, lowest, next_candidate
from agentsim_env.engine.eviction.rules.owners import is_shared
from agentsim_env.engine.residency.residency import deepest, holder_of


@compiled
def _window(state, pool):
    """Waiting turns whose contexts the cache could hold, by their mean length; at least one."""
    instance = state.instance[pool]
    mean_blocks = instance.queued_tokens / instance.n_waiting / state.world[0].block_size
    return max(1, int(state.pool[pool].capacity / mean_blocks))


@compiled
def _mark_needed(state, i):
    """Note on each record that waiting turns of instance `i` will hit the place in the queue of the first of them."""
    world = state.world[0]
    world.marks += 1
    if state.instance[i].n_waiting == 0:
        return
    left, place = _window(state, i), 0
    s = state.instance[i].waiting_head
    while s != NONE and left > 0:
        slot = state.slot[s]
        r = deepest(state, state.turn[slot.turn].segment, i)
        r = holder_of(state, r, slot.target // world.block_size)
        while r != NONE and state.resident[r].mark != world.marks:
            state.resident[r].mark = world.marks
            state.resident[r].place = place
            r = state.resident[r].parent
        s = slot.next
        place += 1
        left -= 1


@compiled
def cached_attention(state, pool):
    """What no turn in the look-ahead window needs, the least recently released; else what the last of them needs.

    CachedAttention (ATC'24): the window are the first turns of the waiting queue, as many as the cache could hold:
    `C / S_kv`, the capacity of the pool over the mean length of the waiting contexts.
    """
    _mark_needed(state, pool)
    best, last = NONE, -1
    r = first_candidate(state, pool)
    while r != NONE:
        record = state.resident[r]
        if record.mark != state.world[0].marks:
            return r
        if record.place > last:
            best, last = r, record.place
        r = next_candidate(state, r)
    return best


@lowest
def continuum_order(state, pool, r):
    """A record of the program that arrived last, so that those that came first keep theirs.

    Continuum's guard against deadlock gives up pins in this order. What programs that have ended have left goes before
    all else, what several programs have used goes last.
    """
    if is_shared(state, r):
        return float("inf")
    run = state.program_run[state.resident[r].program]
    return -run.arrived_s if run.state == ACTIVE else -float("inf")
