"""Eviction by what it would cost to compute a record again: Pensieve, Marconi."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.rules.lowest import first_candidate, lowest, next_candidate
from agentsim_env.engine.eviction.rules.owners import idle_s
from agentsim_env.engine.latency.prefill_time import chunk_s, prefill_s

LEAST_IDLE_S = 1e-6
"""Who has just been released counts as idle for so long, so that a value can be divided by it."""


@compiled
def _start_tokens(state, r):
    return state.segment[state.resident[r].segment].start_block * state.world[0].block_size


@lowest
def pensieve(state, pool, r):
    """The lowest `time to compute the last block again / idle time` (Pensieve, EuroSys'25).

    The time is that of a chunk of one block at its position, from the latency profile: later blocks attend to more and
    cost more. Pensieve drops leading blocks first, which are the cheapest; here a block is found only if all before it
    are there, so that what goes is the tail, and the position decides between contexts.
    """
    size = state.world[0].block_size
    position = _start_tokens(state, r) + (state.resident[r].blocks - 1) * size
    tokens = min(size, state.instance[pool].max_num_batched_tokens)
    return chunk_s(state, pool, tokens, position) / max(idle_s(state, r), LEAST_IDLE_S)


@compiled
def _block_s(state, pool, r):
    """Prefill time that a block of a record saves, behind its parent."""
    blocks = state.resident[r].blocks
    return prefill_s(state, pool, blocks * state.world[0].block_size, _start_tokens(state, r)) / blocks


@compiled
def marconi(state, pool, alpha=1.0):
    """The lowest `recency + alpha x efficiency` (Marconi, MLSys'25): 1 / idle time and FLOPs saved per byte.

    Both are divided by the largest of the candidates. FLOPs per byte are the prefill time per block that the record
    saves behind its parent, from the latency profile. `alpha`, which Marconi tunes by replay between 0 and 2, is a
    parameter.
    """
    least_s, most_s = 0.0, 0.0
    r = first_candidate(state, pool)
    while r != NONE:
        one_s = max(idle_s(state, r), LEAST_IDLE_S)
        least_s = one_s if least_s == 0.0 else min(least_s, one_s)
        most_s = max(most_s, _block_s(state, pool, r))
        r = next_candidate(state, r)
    best, least = NONE, 0.0
    r = first_candidate(state, pool)
    while r != NONE:
        value = least_s / max(idle_s(state, r), LEAST_IDLE_S)
        if most_s > 0.0:
            value += alpha * (_block_s(state, pool, r) / most_s)
        if best == NONE or value < least:
            best, least = r, value
        r = next_candidate(state, r)
    return best
