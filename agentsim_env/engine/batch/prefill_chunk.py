"""Prefill tokens of a turn: what its prefix spares, and the chunk that it takes in an iteration."""

from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import PREFILL_FIRST, TAKE_PROMPT
from agentsim_env.engine.eviction.prefix_lookup import ceil_blocks, fits, found, hit_tokens, matched
from agentsim_env.engine.eviction.room import make_room
from agentsim_env.engine.residency.hits import count_hit
from agentsim_env.engine.residency.residency import (
    depth_blocks,
    lock,
    publish,
    unlock,
)


@compiled
def jump(state, i, s):
    """A running prefill skips what others have published of its path in the meantime."""
    slot = state.slot[s]
    size = state.world[0].block_size
    r = found(state, i, s)
    match = matched(state, s, r)
    if match * size <= slot.computed:
        return
    state.pool[i].used -= slot.owned
    slot.owned = 0
    lock(state, r)
    unlock(state, slot.locked)
    slot.locked = r
    hit = hit_tokens(state, s, match)
    if hit > slot.computed:
        count_hit(state, i, s, hit - slot.computed)
        slot.computed = hit


@compiled
def chunk_blocks(state, s, chunk, match):
    """Blocks that a prefill needs for its next `chunk` tokens, if its path has `match` blocks of its target.

    It is -1 where the path has the block that it owns by now.
    """
    slot = state.slot[s]
    blocks = ceil_blocks(slot.computed + chunk, state.world[0].block_size)
    return max(0, blocks - match) - slot.owned


@compiled
def _begun(state, i, s):
    """1 if the last block of a prefill's tokens is begun and nobody has published it, else 0."""
    slot = state.slot[s]
    size = state.world[0].block_size
    if slot.computed % size == 0:
        return 0
    if slot.computed == slot.target:
        return 1
    return 1 if matched(state, s, found(state, i, s)) <= slot.computed // size else 0


@component(NOTHING, NUMBER, NUMBER, NUMBER, NUMBER)
def take_chunk(state, i, s, chunk, match):
    """Schedule the next `chunk` tokens of a prefill: make room, publish whole blocks, own the one begun."""
    slot = state.slot[s]
    size = state.world[0].block_size
    make_room(state, i, chunk_blocks(state, s, chunk, match))
    slot.computed += chunk
    slot.chunk = chunk
    state.pool[i].used -= slot.owned
    if slot.computed >= size:
        lowest = publish(state, state.turn[slot.turn].segment, i, slot.computed // size)
        if lowest != slot.locked and depth_blocks(state, lowest) > depth_blocks(state, slot.locked):
            lock(state, lowest)
            unlock(state, slot.locked)
            slot.locked = lowest
    slot.owned = _begun(state, i, s)
    state.pool[i].used += slot.owned
    state.turn_run[slot.turn].computed_tokens += chunk
    state.instance[i].prefill_tokens += chunk


@compiled
def next_chunk(state, i, s, tokens):
    """Tokens that a prefill takes beside `tokens` others: what the budget leaves of its target."""
    slot = state.slot[s]
    return min(slot.target - slot.computed, state.instance[i].max_num_batched_tokens - tokens)


@compiled
def first_chunk(state, i, s, match):
    """Tokens that a waiting turn takes in the iteration being formed if it joins now; 0 if it has to wait.

    `match` blocks of its path are found. Where prompts are not cut, a whole one; one above the budget goes alone. The
    prefill lane of two takes a whole one.
    """
    instance = state.instance[i]
    rest = state.slot[s].target - hit_tokens(state, s, match)
    if instance.stage == TAKE_PROMPT:
        return rest
    left = instance.max_num_batched_tokens - instance.plan_tokens
    if instance.mode != PREFILL_FIRST:
        return min(rest, left)
    return rest if rest <= left or instance.plan_tokens == 0 else 0


@compiled
def joins_now(state, i, s):
    """Whether a waiting turn could join the batch of instance `i` in the iteration being formed."""
    r = found(state, i, s)
    match = matched(state, s, r)
    return fits(state, i, s, r, match) and first_chunk(state, i, s, match) > 0
