"""Routing by load alone: nobody looks at caches or programs."""

import math

import numpy as np

from agentsim_env.engine.batch.look import freshen, turns
from agentsim_env.engine.core.chance import chance
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE

_INDEX_BITS = 32
_NOBODY = np.int64(2**63 - 1)


@compiled
def nth_allowed(state, k):
    """The allowed instance number `k`, counted from 0; NONE if there are not so many."""
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            if k == 0:
                return i
            k -= 1
    return NONE


@compiled
def _n_allowed(state):
    n = 0
    for i in range(len(state.allowed)):
        n += state.allowed[i]
    return n


@compiled
def random(state, s):
    """Any allowed instance with equal probability."""
    return nth_allowed(state, int(chance(state) * _n_allowed(state)))


@compiled
def _last_sent(state, s):
    """Where the last turn went that was to be prefilled, or, if this one is to decode, to decode."""
    return state.world[0].last_handed if state.slot[s].handed else state.world[0].last_routed


@compiled
def round_robin(state, s):
    """The next allowed instance after the one that the last turn went to."""
    n = len(state.allowed)
    i = (_last_sent(state, s) + 1) % n
    while not state.allowed[i]:
        i = (i + 1) % n
    return i


@compiled
def least_loaded(state, s):
    """Fewest turns, waiting or running."""
    best = _NOBODY
    for i in range(len(state.allowed)):
        # Without a branch: so several instances are compared at once.
        best = min(best, turns(state, i) << _INDEX_BITS | i if state.allowed[i] else _NOBODY)
    return best & ((1 << _INDEX_BITS) - 1)


@compiled
def least_tokens(state, s):
    """Fewest tokens of context among waiting and running turns."""
    best, fewest = NONE, 0
    for i in range(len(state.allowed)):
        if state.allowed[i] and (best == NONE or state.seen[i].outstanding_tokens < fewest):
            best, fewest = i, state.seen[i].outstanding_tokens
    return best


@compiled
def power_of_two(state, s):
    """The one with fewer turns of two different instances drawn at random; the lower index wins a tie.

    Mitzenmacher 2001; `power_of_two` of the SGLang router.
    """
    n = _n_allowed(state)
    if n == 1:
        return nth_allowed(state, 0)
    first = int(chance(state) * n)
    second = int(chance(state) * (n - 1))
    second += 1 if second >= first else 0
    i = nth_allowed(state, min(first, second))
    j = nth_allowed(state, max(first, second))
    return i if turns(state, i) <= turns(state, j) else j


@compiled
def weighted_load(state, s, waiting_weight=4.0):
    """Smallest (weight * waiting + running) / max_num_seqs, looking first behind where the last turn went.

    vLLM's data-parallel balancing as AgentServeSim has it (`LOAD`, its default): waiting turns count four times.
    """
    n = len(state.allowed)
    best, least = NONE, 0.0
    for k in range(n):
        i = (_last_sent(state, s) + 1 + k) % n
        if state.allowed[i]:
            seen = state.seen[i]
            load = (waiting_weight * seen.n_waiting + seen.n_running) / seen.max_num_seqs
            if best == NONE or load < least:
                best, least = i, load
    return best


@compiled
def llumnix(state, s):
    """Largest freeness: (available blocks - blocks of the waiting prompts) / (waiting + running turns).

    Llumnix (OSDI'24), `remaining_steps` of `llumnix/load_computation.py`, dispatch only: running turns are not
    migrated. As there, a waiting prompt counts with all its blocks, cached or not, cached blocks that nobody uses are
    available, and an empty instance is infinitely free.
    """
    freshen(state)
    best, most = NONE, 0.0
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            pool = state.seen_pool[i]
            available = pool.capacity - pool.used + pool.idle
            free = available - state.seen[i].queued_tokens / state.world[0].block_size
            n = turns(state, i)
            freeness = free / n if n > 0 else math.inf
            if best == NONE or freeness > most:
                best, most = i, freeness
    return best
