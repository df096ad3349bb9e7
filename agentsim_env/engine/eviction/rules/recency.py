"""Eviction by the time or the number of uses."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.rules.lowest import lowest


@compiled
def lru(state, pool):
    """The record that was released longest ago (vLLM)."""
    return state.pool[pool].oldest


@lowest
def tlru(state, pool, r, threshold_tokens=2048.0, next_prompt_tokens=200.0):
    """First what an answer in time does without, by age, then the rest, by age (T-LRU, arXiv 2510.15152; SGLang).

    A program with a context of L tokens has its next prefill within `threshold_tokens` as long as L +
    `next_prompt_tokens` - `threshold_tokens` are cached. Records whose last block lies beyond that go first. L is the
    longest context so far of the program that used the record last. The threshold stands for an objective of TTFT; its
    default is ours.
    """
    record = state.resident[r]
    if record.program == NONE:
        return 1.0
    needed = state.program_run[record.program].context_tokens + next_prompt_tokens - threshold_tokens
    before = (state.segment[record.segment].start_block + record.blocks - 1) * state.world[0].block_size
    return 0.0 if before >= max(0.0, needed) else 1.0


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
