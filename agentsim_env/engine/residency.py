"""KV Residency Model: which leading blocks of which segment a pool holds, who locks them, what is evicted.

A pool is a place that holds blocks: the HBM of an instance, or the router's approximate tree of what it sent to an
instance. A child segment has a record in a pool only while its parent is wholly resident there, so the deepest record
on a path tells the whole hit.
"""

from agentsim_env.engine.component import NUMBER, component
from agentsim_env.engine.directory import enter, find, strike
from agentsim_env.engine.jit import compiled
from agentsim_env.engine.state import NONE


@compiled
def deepest(state, leaf, pool):
    """Deepest record on the path to `leaf` that the pool holds, or NONE."""
    segment = leaf
    while segment != NONE:
        r = find(state, segment, pool)
        if r != NONE:
            return r
        segment = state.segment[segment].parent
    return NONE


@compiled
def depth_blocks(state, r):
    """Blocks from the root to the end of what record `r` holds; 0 for NONE."""
    if r == NONE:
        return 0
    record = state.resident[r]
    return state.segment[record.segment].start_block + record.blocks


@compiled
def holder_of(state, r, blocks):
    """The record among `r` and its ancestors that holds block number `blocks - 1` of the path; NONE for no blocks."""
    while r != NONE and state.segment[state.resident[r].segment].start_block >= blocks:
        r = state.resident[r].parent
    return r


@compiled
def idle_on_path(state, r):
    """Idle blocks of record `r` and its ancestors: they stop being available when the path is locked."""
    blocks = 0
    while r != NONE and state.resident[r].locks == 0:
        blocks += state.resident[r].blocks
        r = state.resident[r].parent
    return blocks


@compiled
def first_locked(state, r):
    """The deepest locked record among `r` and its ancestors, or NONE: what running turns hold of its path."""
    while r != NONE and state.resident[r].locks == 0:
        r = state.resident[r].parent
    return r


@compiled
def free_blocks(state, pool):
    """Blocks of a pool that hold nothing."""
    return state.pool[pool].capacity - state.pool[pool].used


@compiled
def available_blocks(state, pool):
    """Blocks of a pool that are free or idle."""
    return state.pool[pool].capacity - state.pool[pool].used + state.pool[pool].idle


@compiled
def _join_idle(state, r):
    """Put a record at the newest end of its pool's idle list."""
    record = state.resident[r]
    pool = state.pool[record.pool]
    record.newer = NONE
    record.older = pool.newest
    if pool.newest == NONE:
        pool.oldest = r
    else:
        state.resident[pool.newest].newer = r
    pool.newest = r
    pool.idle += record.blocks
    record.released_s = state.world[0].now_s


@compiled
def _leave_idle(state, r):
    record = state.resident[r]
    pool = state.pool[record.pool]
    if record.older == NONE:
        pool.oldest = record.newer
    else:
        state.resident[record.older].newer = record.newer
    if record.newer == NONE:
        pool.newest = record.older
    else:
        state.resident[record.newer].older = record.older
    pool.idle -= record.blocks


@compiled
def lock(state, r):
    """Lock a record, and with it its ancestors."""
    while r != NONE:
        record = state.resident[r]
        record.locks += 1
        if record.locks > 1:
            return
        _leave_idle(state, r)
        r = record.parent


@compiled
def unlock(state, r):
    """Undo one `lock`; what nobody locks any more becomes idle, the deepest first."""
    while r != NONE:
        record = state.resident[r]
        record.locks -= 1
        if record.locks > 0:
            return
        _join_idle(state, r)
        r = record.parent


@compiled
def new_record(state, segment, pool, blocks):
    """An idle record without a parent yet."""
    world = state.world[0]
    r = world.free_resident
    if r == NONE:
        r = world.n_residents
        world.n_residents += 1
    else:
        world.free_resident = state.resident[r].older
    record = state.resident[r]
    record.segment = segment
    record.pool = pool
    record.first = 0
    record.blocks = blocks
    record.locks = 0
    record.pins = 0
    record.uses = 0
    record.program = NONE
    record.expired = 0
    record.parent = NONE
    record.children = 0
    record.previous_holder = NONE
    record.next_holder = state.holder[segment]
    if record.next_holder != NONE:
        state.resident[record.next_holder].previous_holder = r
    state.holder[segment] = r
    enter(state, r)
    state.pool[pool].used += blocks
    _join_idle(state, r)
    return r


@compiled
def remove(state, r):
    """Take an idle record without resident children out of its pool."""
    record = state.resident[r]
    _leave_idle(state, r)
    strike(state, r)
    state.pool[record.pool].used -= record.blocks
    if record.parent != NONE:
        state.resident[record.parent].children -= 1
    if record.previous_holder == NONE:
        state.holder[record.segment] = record.next_holder
    else:
        state.resident[record.previous_holder].next_holder = record.next_holder
    if record.next_holder != NONE:
        state.resident[record.next_holder].previous_holder = record.previous_holder
    record.pool = NONE
    record.older = state.world[0].free_resident
    state.world[0].free_resident = r


@compiled
def _grow(state, r, blocks):
    """Let a record hold `blocks` leading blocks, if it holds fewer."""
    record = state.resident[r]
    more = blocks - record.blocks
    if more <= 0:
        return
    record.blocks = blocks
    state.pool[record.pool].used += more
    if record.locks == 0:
        state.pool[record.pool].idle += more


@component(NUMBER, NUMBER, NUMBER, NUMBER)
def publish(state, leaf, pool, blocks):
    """Make the first `blocks` blocks on the path to `leaf` resident; returns the deepest record.

    The caller has made room. `blocks` must be positive.
    """
    segment = leaf
    while state.segment[segment].start_block >= blocks:
        segment = state.segment[segment].parent
    wanted = blocks - state.segment[segment].start_block
    r = find(state, segment, pool)
    if r != NONE:
        _grow(state, r, wanted)
        return r
    lowest = new_record(state, segment, pool, wanted)
    below = lowest
    segment = state.segment[segment].parent
    while segment != NONE:
        r = find(state, segment, pool)
        known = r != NONE
        if known:
            _grow(state, r, state.segment[segment].n_blocks)
        else:
            r = new_record(state, segment, pool, state.segment[segment].n_blocks)
        state.resident[below].parent = r
        state.resident[r].children += 1
        if known:
            break
        below = r
        segment = state.segment[segment].parent
    return lowest


@compiled
def evict(state, pool, blocks):
    """Drop idle blocks, least recently released first and from the tail of a segment, until `blocks` are free.

    The caller has checked `available_blocks`.
    """
    short = blocks - free_blocks(state, pool)
    while short > 0:
        r = state.pool[pool].oldest
        record = state.resident[r]
        take = min(short, record.blocks)
        if take == record.blocks:
            remove(state, r)
        else:
            record.blocks -= take
            state.pool[pool].used -= take
            state.pool[pool].idle -= take
        short -= take
        if pool < len(state.instance):
            state.instance[pool].evicted_blocks += take


@compiled
def drop_all(state, pool):
    """Forget everything that a pool holds (nothing in it is locked)."""
    while state.pool[pool].oldest != NONE:
        remove(state, state.pool[pool].oldest)
    state.pool[pool].used = 0


@compiled
def remember(state, leaf, pool, blocks):
    """Note in a router's tree that the first `blocks` blocks of a path were sent there, and make them the newest."""
    if blocks <= 0:
        return
    r = deepest(state, leaf, pool)
    lock(state, r)
    missing = max(0, blocks - depth_blocks(state, r))
    if missing <= available_blocks(state, pool):
        evict(state, pool, missing)
        lowest = publish(state, leaf, pool, blocks)
        lock(state, lowest)
        unlock(state, r)
        r = lowest
    unlock(state, r)


@compiled
def hits(state, leaf, first_pool, out):
    """Fill `out` [N] with the blocks of the path to `leaf` that the pool `first_pool + i` of each instance holds."""
    n = len(state.instance)
    for i in range(n):
        out[i] = 0
    segment = leaf
    while segment != NONE:
        r = state.holder[segment]
        while r != NONE:
            i = state.resident[r].pool - first_pool
            if 0 <= i < n and out[i] == 0:
                out[i] = state.segment[segment].start_block + state.resident[r].blocks
            r = state.resident[r].next_holder
        segment = state.segment[segment].parent
