"""KV Residency Model: which leading blocks of which segment a pool holds, who locks them, what is evicted.

A pool is a place that holds blocks: the HBM of an instance, or the router's approximate tree of what it sent to an
instance. A child segment has a record in a pool only while its parent is wholly resident there, so the deepest record
on a path tells the whole hit.
"""

from agentsim_env.engine.core.component import NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.residency.directory import enter, find, strike
from agentsim_env.engine.residency.kv_time import REUSED, WASTED, begin_idle, charge, end_idle, idle_block_s


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
    while r != NONE and state.resident[r].locks == 0 and state.resident[r].pins == 0:
        blocks += state.resident[r].blocks
        r = state.resident[r].parent
    return blocks


@compiled
def unlocked_on_path(state, r):
    """Idle or pinned blocks of record `r` and its ancestors."""
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
def pressure(state, i):
    """Share of the HBM of an instance that is locked, pinned, owned by running turns or reserved."""
    pool = state.pool[i]
    return (pool.used - pool.idle) / pool.capacity


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
def _join_first(state, r):
    """Put a record behind the last of those of its pool that go first: they are evicted before all others."""
    record = state.resident[r]
    pool = state.pool[record.pool]
    before = pool.last_first
    after = pool.oldest if before == NONE else state.resident[before].newer
    record.older, record.newer = before, after
    if before == NONE:
        pool.oldest = r
    else:
        state.resident[before].newer = r
    if after == NONE:
        pool.newest = r
    else:
        state.resident[after].older = r
    pool.last_first = r
    record.goes_first = 1
    pool.idle += record.blocks
    record.released_s = state.world[0].now_s


@compiled
def _leave_idle(state, r):
    record = state.resident[r]
    pool = state.pool[record.pool]
    if record.goes_first:
        record.goes_first = 0
        if pool.last_first == r:
            pool.last_first = record.older
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
    if r == NONE:
        return
    pool = state.resident[r].pool
    charge(state, pool)
    reused_block_s = 0.0
    while r != NONE:
        record = state.resident[r]
        record.locks += 1
        if record.locks > 1:
            break
        reused_block_s += idle_block_s(state, r, record.blocks)
        if record.pins > 0:
            state.pool[record.pool].pinned -= record.blocks
        else:
            _leave_idle(state, r)
        r = record.parent
    end_idle(state, pool, reused_block_s, REUSED)


@compiled
def unlock(state, r):
    """Undo one `lock`; what nobody locks or pins any more becomes idle, the deepest first."""
    if r != NONE:
        charge(state, state.resident[r].pool)
    while r != NONE:
        record = state.resident[r]
        record.locks -= 1
        if record.locks > 0:
            return
        begin_idle(state, r)
        if record.pins > 0:
            state.pool[record.pool].pinned += record.blocks
        else:
            _join_idle(state, r)
        r = record.parent


@compiled
def pin_record(state, r):
    """Pin a record, and with it its ancestors."""
    while r != NONE:
        record = state.resident[r]
        record.pins += 1
        if record.pins > 1:
            return
        if record.locks == 0:
            _leave_idle(state, r)
            state.pool[record.pool].pinned += record.blocks
        r = record.parent


@compiled
def unpin_record(state, r, goes_first):
    """Undo one `pin_record`.

    What becomes idle of it can be the first to be evicted, as far as nothing else is resident behind it.
    """
    below = 0
    while r != NONE:
        record = state.resident[r]
        record.pins -= 1
        if record.pins > 0:
            return
        goes_first = goes_first and record.children == below
        if record.locks == 0:
            state.pool[record.pool].pinned -= record.blocks
            if goes_first:
                _join_first(state, r)
            else:
                _join_idle(state, r)
        below = 1
        r = record.parent


@compiled
def put_first(state, r):
    """Let a record and its ancestors, as far as nobody locks or pins them, be evicted before all others."""
    pin_record(state, r)
    unpin_record(state, r, True)


@compiled
def note_use(state, r, p):
    """A turn of program `p` has used a record and its ancestors in its stay in a batch."""
    while r != NONE:
        record = state.resident[r]
        record.uses += 1
        if record.program != NONE and record.program != p:
            record.shared = 1
        record.program = p
        r = record.parent


@compiled
def _join_holders(state, r):
    """Put a record before the others of its segment, if somebody looks for them."""
    if len(state.holder) == 0:
        return
    record = state.resident[r]
    record.previous_holder = NONE
    record.next_holder = state.holder[record.segment]
    if record.next_holder != NONE:
        state.resident[record.next_holder].previous_holder = r
    state.holder[record.segment] = r


@compiled
def _leave_holders(state, r):
    if len(state.holder) == 0:
        return
    record = state.resident[r]
    if record.previous_holder == NONE:
        state.holder[record.segment] = record.next_holder
    else:
        state.resident[record.previous_holder].next_holder = record.next_holder
    if record.next_holder != NONE:
        state.resident[record.next_holder].previous_holder = record.previous_holder


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
    record.entered = world.entries
    world.entries += 1
    record.mark = 0
    record.uses = 0
    record.shared = 0
    record.program = NONE
    record.goes_first = 0
    record.parent = NONE
    record.children = 0
    _join_holders(state, r)
    begin_idle(state, r)
    enter(state, r)
    state.pool[pool].used += blocks
    _join_idle(state, r)
    return r


@compiled
def remove(state, r):
    """Take an idle record without resident children out of its pool."""
    record = state.resident[r]
    charge(state, record.pool)
    end_idle(state, record.pool, idle_block_s(state, r, record.blocks), WASTED)
    _leave_idle(state, r)
    strike(state, r)
    state.pool[record.pool].used -= record.blocks
    if record.parent != NONE:
        state.resident[record.parent].children -= 1
    _leave_holders(state, r)
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
    if record.locks == 0:
        end_idle(state, record.pool, idle_block_s(state, r, record.blocks), REUSED)
        begin_idle(state, r)
    record.blocks = blocks
    state.pool[record.pool].used += more
    if record.locks == 0 and record.pins == 0:
        state.pool[record.pool].idle += more
    elif record.locks == 0:
        state.pool[record.pool].pinned += more


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
def give_up(state, r, blocks):
    """Drop up to `blocks` blocks from the tail of an idle record without resident children; returns how many."""
    record = state.resident[r]
    if blocks >= record.blocks:
        taken = record.blocks
        remove(state, r)
        return taken
    charge(state, record.pool)
    end_idle(state, record.pool, idle_block_s(state, r, blocks), WASTED)
    record.blocks -= blocks
    state.pool[record.pool].used -= blocks
    state.pool[record.pool].idle -= blocks
    return blocks


@compiled
def evict(state, pool, blocks):
    """Drop idle blocks, least recently released first and from the tail of a segment, until `blocks` are free.

    For pools below or beside HBM, where nothing is pinned; the caller has checked `available_blocks`.
    """
    short = blocks - free_blocks(state, pool)
    while short > 0:
        short -= give_up(state, state.pool[pool].oldest, short)


@compiled
def drop_path(state, r):
    """Drop a record and its ancestors as far as they are idle and nothing else stands on them; returns the blocks."""
    blocks = 0
    while r != NONE:
        record = state.resident[r]
        if record.locks > 0 or record.pins > 0 or record.children > 0:
            break
        blocks += record.blocks
        above = record.parent
        remove(state, r)
        r = above
    return blocks


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
def hits(state, holder, resident, leaf, first_pool, out):
    """Fill `out` [N] with the blocks of the path to `leaf` that the pool `first_pool + i` of each instance holds.

    `holder` and `resident` are those of the state, or what the router has seen of them.
    """
    n = len(state.instance)
    for i in range(n):
        out[i] = 0
    segment = leaf
    while segment != NONE:
        r = holder[segment]
        while r != NONE:
            i = resident[r].pool - first_pool
            if 0 <= i < n and out[i] == 0:
                out[i] = state.segment[segment].start_block + resident[r].blocks
            r = resident[r].next_holder
        segment = state.segment[segment].parent
