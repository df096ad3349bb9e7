"""The decodes of an instance: aggregates and a heap of finish iterations, so that no iteration looks at each of them.

The finish heap of an instance has its decodes by (finish iteration, admission).
"""

import numpy as np

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import DECODE, NONE


@compiled
def _finish_put(state, i, at, finish, sequence, s):
    entry = state.finish[i, at]
    entry.finish, entry.sequence, entry.slot = finish, sequence, s
    state.slot[s].heap_at = at


@compiled
def _finish_settle(state, i, at, n, finish, sequence, s):
    """Put an entry at its place in the heap of `n` entries, starting from the hole `at`."""
    heap = state.finish[i]
    while at > 0:
        up = heap[(at - 1) >> 1]
        if up.finish < finish or (up.finish == finish and up.sequence <= sequence):
            break
        _finish_put(state, i, at, up.finish, up.sequence, up.slot)
        at = (at - 1) >> 1
    child = 2 * at + 1
    while child < n:
        c = heap[child]
        if child + 1 < n:
            d = heap[child + 1]
            if d.finish < c.finish or (d.finish == c.finish and d.sequence < c.sequence):
                child += 1
                c = d
        if finish < c.finish or (finish == c.finish and sequence <= c.sequence):
            break
        _finish_put(state, i, at, c.finish, c.sequence, c.slot)
        at = child
        child = 2 * at + 1
    _finish_put(state, i, at, finish, sequence, s)


@compiled
def begin_decode(state, i, s):
    """A turn whose prefill has ended decodes from the next iteration on."""
    instance = state.instance[i]
    slot = state.slot[s]
    slot.state = DECODE
    slot.decode_from = instance.iteration
    slot.finish = instance.iteration + state.turn[slot.turn].output_tokens - slot.generated
    key = slot.target - slot.decode_from
    instance.kv_tokens += slot.target
    instance.longest = max(instance.longest, key) if instance.n_decode > 0 else key
    state.residue[i, key % state.world[0].block_size] += 1
    instance.n_decode += 1
    _finish_settle(state, i, instance.n_decode - 1, instance.n_decode, slot.finish, slot.sequence, s)


@compiled
def end_decode(state, i, s):
    """Take a decode out of the aggregates; returns its KV tokens."""
    instance = state.instance[i]
    slot = state.slot[s]
    key = slot.target - slot.decode_from
    tokens = key + instance.iteration
    slot.generated += instance.iteration - slot.decode_from
    instance.kv_tokens -= tokens
    state.residue[i, key % state.world[0].block_size] -= 1
    instance.n_decode -= 1
    last = state.finish[i, instance.n_decode]
    at = slot.heap_at
    slot.heap_at = NONE
    if last.slot != s:
        _finish_settle(state, i, at, instance.n_decode, last.finish, last.sequence, last.slot)
    if key == instance.longest:
        _find_longest(state, i, s)
    return tokens


@compiled
def _find_longest(state, i, leaving):
    """The longest decode leaves: look for the next longest."""
    instance = state.instance[i]
    found = False
    t = instance.running_head
    while t != NONE:
        slot = state.slot[t]
        if t != leaving and slot.state == DECODE:
            key = slot.target - slot.decode_from
            if not found or key > instance.longest:
                instance.longest = key
                found = True
        t = slot.next
    if not found:
        instance.longest = 0


@compiled
def decoding(state, i):
    """Decodes that take part in the iteration in flight."""
    return 0 if state.instance[i].prefills_only else state.instance[i].n_decode


@compiled
def next_decode_blocks(state, i):
    """New blocks that the decodes of instance `i` need in the next iteration."""
    return state.residue[i, (-state.instance[i].iteration) % state.world[0].block_size]


@compiled
def generated_tokens(state, i, s):
    """Output tokens that a turn of instance `i` has so far, whether it waits, is prefilled or decodes."""
    slot = state.slot[s]
    if slot.state == DECODE:
        return slot.generated + state.instance[i].iteration - slot.decode_from
    return np.int64(slot.generated)


@compiled
def decode_blocks(state, i, iterations):
    """New blocks that the decodes of instance `i` need in the next `iterations` iterations."""
    instance = state.instance[i]
    if instance.n_decode == 0:
        return 0
    size = state.world[0].block_size
    blocks = (iterations // size) * instance.n_decode
    at = (-instance.iteration) % size
    for _ in range(iterations % size):
        blocks += state.residue[i, at]
        at = at - 1 if at > 0 else size - 1
    return blocks
