"""Pools below HBM: a record there has room for a stretch of blocks of its segment, wherever that begins.

HBM gives up blocks from the tail of a context, so what a lower tier gets to keep is often the tail only, while the head
is still above. A record stands alone, without parent or children, and is in one of two states: transfers are on their
way into it (it is locked then, and only what has arrived can be read), or all that it has room for is there.

A *part* is the blocks `first` to `blocks` (not included) of the path to a leaf.
"""

import numpy as np

from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.residency.directory import find
from agentsim_env.engine.residency.residency import lock, new_record, remove, unlock


@component(NUMBER, NUMBER, NUMBER, NUMBER)
def reach(state, leaf, pool, first):
    """The block up to which a pool has a path without a gap, from block `first` on; `first` if it lacks that one."""
    segment = leaf
    end_below = NONE
    while True:
        start, n_blocks = state.segment[segment].start_block, state.segment[segment].n_blocks
        at = max(first - start, 0)
        r = find(state, segment, pool)
        if r != NONE and state.resident[r].ready <= at < state.resident[r].ready_end:
            at = state.resident[r].ready_end
        end = end_below if at == n_blocks and end_below != NONE else start + at
        if start <= first:
            return end
        end_below = end
        segment = state.segment[segment].parent


@compiled
def _within(state, segment, first, blocks):
    """The blocks of a segment, from and to, that lie in a part; none if they are not in order."""
    start = state.segment[segment].start_block
    return max(first - start, 0), min(blocks - start, state.segment[segment].n_blocks)


@compiled
def _above(state, segment, first):
    """The parent of a segment, if a part reaches up to it; else NONE."""
    return state.segment[segment].parent if state.segment[segment].start_block > first else NONE


@component(NOTHING, NUMBER, NUMBER, NUMBER, NUMBER)
def lock_part(state, leaf, pool, first, blocks):
    """Lock what a pool has of a part, or has room for."""
    segment = leaf
    while segment != NONE:
        begin, end = _within(state, segment, first, blocks)
        r = find(state, segment, pool) if begin < end else NONE
        if r != NONE:
            lock(state, r)
        segment = _above(state, segment, first)


@component(NOTHING, NUMBER, NUMBER, NUMBER, NUMBER)
def unlock_part(state, leaf, pool, first, blocks):
    """Undo one `lock_part`; the deepest record becomes idle first."""
    segment = leaf
    while segment != NONE:
        begin, end = _within(state, segment, first, blocks)
        r = find(state, segment, pool) if begin < end else NONE
        if r != NONE:
            unlock(state, r)
        segment = _above(state, segment, first)


@compiled
def _is_apart(state, r, begin, end):
    """Whether there are blocks between those of record `r` and the ones from `begin` to `end`."""
    record = state.resident[r]
    return end < record.first or begin > record.first + record.blocks


@compiled
def _joined(state, r, begin, end, locks):
    """The stretch of blocks that record `r` is to have room for when those from `begin` to `end` are added.

    What lies apart from them is given up, unless the record has more than `locks` locks; then it stays as it is.
    """
    if r == NONE:
        return begin, end
    record = state.resident[r]
    if not _is_apart(state, r, begin, end):
        return min(record.first, begin), max(record.first + record.blocks, end)
    if record.locks > locks:
        return np.int64(record.first), np.int64(record.first + record.blocks)
    return begin, end


@compiled
def _missing(state, r, begin, end):
    """Blocks from `begin` to `end` that have to be moved: they are neither there nor on their way."""
    if r == NONE:
        return end - begin
    record = state.resident[r]
    if _is_apart(state, r, begin, end):
        return 0 if record.locks > 0 else end - begin
    return max(0, record.first - begin) + max(0, end - record.first - record.blocks)


@component(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
def missing_blocks(state, leaf, pool, first, blocks):
    """Blocks that have to be moved so that a pool has a part."""
    missing = 0
    segment = leaf
    while segment != NONE:
        begin, end = _within(state, segment, first, blocks)
        if begin < end:
            missing += _missing(state, find(state, segment, pool), begin, end)
        segment = _above(state, segment, first)
    return missing


@component(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
def growth_blocks(state, leaf, pool, first, blocks):
    """Blocks by which a pool will hold more when a part is added."""
    more = 0
    segment = leaf
    while segment != NONE:
        begin, end = _within(state, segment, first, blocks)
        if begin < end:
            r = find(state, segment, pool)
            low, high = _joined(state, r, begin, end, 0)
            more += high - low - (state.resident[r].blocks if r != NONE else 0)
        segment = _above(state, segment, first)
    return more


@compiled
def _set_run(state, r, first, end):
    """Give a locked record room for another stretch of blocks."""
    record = state.resident[r]
    state.pool[record.pool].used += end - first - record.blocks
    record.first = first
    record.blocks = end - first


@compiled
def _expect(state, segment, pool, begin, end):
    r = find(state, segment, pool)
    if r == NONE:
        r = new_record(state, segment, pool, end - begin)
        lock(state, r)
        record = state.resident[r]
        record.first = record.ready = record.ready_end = begin
        record.arriving = record.torn = 0
    else:
        record = state.resident[r]
        low, high = _joined(state, r, begin, end, 1)
        if high <= record.first or low >= record.first + record.blocks:
            record.ready = record.ready_end = low
        _set_run(state, r, low, high)
    record.arriving += 1


@component(NOTHING, NUMBER, NUMBER, NUMBER, NUMBER)
def expect_part(state, leaf, pool, first, blocks):
    """A part is on its way: keep room for it. What is there of it has been locked, and what is new is, too."""
    segment = leaf
    while segment != NONE:
        begin, end = _within(state, segment, first, blocks)
        if begin < end:
            _expect(state, segment, pool, begin, end)
        segment = _above(state, segment, first)


@compiled
def _arrive(state, r, begin, end, void):
    record = state.resident[r]
    begin, end = max(begin, record.first), min(end, record.first + record.blocks)
    if void:
        record.torn = 1
    elif begin < end and record.ready == record.ready_end:
        record.ready, record.ready_end = begin, end
    elif begin < end and begin <= record.ready_end and end >= record.ready:
        record.ready, record.ready_end = min(begin, record.ready), max(end, record.ready_end)
    record.arriving -= 1
    if record.arriving == 0:
        if record.torn:
            _set_run(state, r, record.ready, record.ready_end)
            record.torn = 0
        record.ready, record.ready_end = record.first, record.first + record.blocks
    unlock(state, r)
    if record.blocks == 0 and record.locks == 0:
        remove(state, r)


@component(NOTHING, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
def arrive_part(state, leaf, pool, first, blocks, void):
    """A part that was expected has arrived, or, if `void`, never will."""
    segment = leaf
    while segment != NONE:
        begin, end = _within(state, segment, first, blocks)
        if begin < end:
            _arrive(state, find(state, segment, pool), begin, end, void)
        segment = _above(state, segment, first)


@compiled
def blocks_to_have_free(state, pool, blocks):
    """Free blocks that a pool is to have before it takes in `blocks`: above its watermark, those of a batch as well."""
    row = state.pool[pool]
    if row.used + blocks <= row.watermark_blocks:
        return blocks
    batch = min(int(row.used * row.batch_share), row.idle)
    return max(blocks, row.capacity - row.used + batch)


@compiled
def take_oldest(state, pool, blocks):
    """Give up the last `blocks` blocks of the record that was released longest ago."""
    r = state.pool[pool].oldest
    record = state.resident[r]
    if blocks == record.blocks:
        remove(state, r)
        return
    record.blocks -= blocks
    record.ready_end -= blocks
    state.pool[pool].used -= blocks
    state.pool[pool].idle -= blocks
