"""Prefixes that come up: each part of it from the fastest place that has it.

A load is a chain of transfers, one for each place; the first of them leads. Its blocks are reserved in HBM, and what
HBM has of the prefix and what the places have is locked. They take effect together, when the last one has ended.
"""

from agentsim_env.engine.batch.handover import let_go
from agentsim_env.engine.batch.runs import cut, synchronise
from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import AHEAD, CXL, DEMAND, DRAM, NONE, SERIALIZED
from agentsim_env.engine.eviction.room import make_room
from agentsim_env.engine.eviction.victims import free_up
from agentsim_env.engine.residency.kv_time import charge as charge_kv
from agentsim_env.engine.residency.residency import deepest, depth_blocks, hits, holder_of, lock, publish, unlock
from agentsim_env.engine.tiers.links import can_begin, charge, enqueue, free_transfer, hasten, new_transfer
from agentsim_env.engine.tiers.lower_pools import lock_part, reach, unlock_part
from agentsim_env.engine.tiers.on_the_way import end_of_load, list_load, load_that_brings, unlist_load, wait_for
from agentsim_env.engine.tiers.prefetch_subjects import (
    context_blocks,
    held_ahead,
    miss_ahead,
    note_brought_up,
    note_not_brought_up,
)


@compiled
def _add(state, load, x):
    """Add a transfer to a load, NONE for a new one; returns the leader."""
    if load == NONE:
        return x
    last = load
    while state.transfer[last].sibling != NONE:
        last = state.transfer[last].sibling
    state.transfer[last].sibling = x
    state.transfer[x].leader = load
    state.transfer[load].left += 1
    return load


@compiled
def _from_tier(state, i, level, leaf, at, most):
    """A transfer from a tier of the blocks that follow the first `at` of a path, up to `most`; NONE if it has none."""
    tier = state.tier[i, level]
    if tier.pool == NONE or state.link[tier.up].bytes_per_s == 0.0 or not can_begin(state):
        return NONE
    end = min(reach(state, leaf, tier.pool, at), most)
    if end <= at:
        return NONE
    x = new_transfer(state, tier.up, leaf, at, end, end - at)
    state.transfer[x].source_pool = tier.pool
    state.transfer[x].target_pool = i
    lock_part(state, leaf, tier.pool, at, end)
    return x


@compiled
def _best_peer(state, i, leaf):
    """The other instance that holds most of a path, the first of equals."""
    for j in range(len(state.instance)):
        synchronise(state, j)
    hits(state, state.holder, state.resident, leaf, 0, state.score)
    best = NONE
    for j in range(len(state.instance)):
        if j != i and (best == NONE or state.score[j] > state.score[best]):
            best = j
    return best


@compiled
def _from_peer(state, i, leaf, at, most):
    """The same from the HBM of another instance; what is read is locked there, and the run of that one is cut."""
    link = state.instance[i].peer_link
    if link == NONE or state.link[link].bytes_per_s == 0.0 or not can_begin(state):
        return NONE
    j = _best_peer(state, i, leaf)
    if j == NONE or state.score[j] <= at:
        return NONE
    end = min(int(state.score[j]), most)
    x = new_transfer(state, link, leaf, at, end, end - at)
    transfer = state.transfer[x]
    transfer.source_pool = j
    transfer.target_pool = i
    transfer.source = holder_of(state, deepest(state, leaf, j), end)
    lock(state, transfer.source)
    cut(state, j)
    return x


@compiled
def _from_tiers(state, i, leaf, match, most):
    """A load of the blocks from `match` to `most` of a path, as far as the tiers have them without a gap, or NONE."""
    load = NONE
    at = match
    for level in range(DRAM, CXL + 1):
        x = _from_tier(state, i, level, leaf, at, most) if at < most else NONE
        if x != NONE:
            at = state.transfer[x].blocks
            load = _add(state, load, x)
    return load


@compiled
def _gather(state, i, leaf, match, most):
    """The same, and of what follows them the blocks that another instance has."""
    load = _from_tiers(state, i, leaf, match, most)
    at = end_of_load(state, load) if load != NONE else match
    x = _from_peer(state, i, leaf, at, most) if at < most else NONE
    return _add(state, load, x) if x != NONE else load


@compiled
def _release(state, x):
    """A transfer of a load does not need its source any more."""
    transfer = state.transfer[x]
    if transfer.source_pool < len(state.instance):
        unlock(state, transfer.source)
    else:
        unlock_part(state, transfer.leaf, transfer.source_pool, transfer.first, transfer.blocks)


@compiled
def _arrive(state, load):
    """All of a prefix is in HBM, where it is ordinary cache until its turn is admitted."""
    leader = state.transfer[load]
    i = leader.target_pool
    state.pool[i].used -= leader.reserved
    state.instance[i].plan_loaded = state.world[0].transfers == SERIALIZED
    lowest = publish(state, leader.leaf, i, end_of_load(state, load))
    lock(state, lowest)
    unlock(state, leader.held)
    unlock(state, lowest)
    x = load
    while x != NONE:
        if state.transfer[x].source_pool < len(state.instance):
            state.instance[i].migrated_blocks += state.transfer[x].missing
        else:
            state.instance[i].loaded_blocks += state.transfer[x].missing
        x = state.transfer[x].sibling
    if leader.program != NONE:
        note_brought_up(state, leader.program, i, leader.first)
    unlist_load(state, load)
    if leader.slot != NONE:
        let_go(state, leader.slot)


@compiled
def end_part_of_load(state, x):
    """A transfer of a load has ended; whether that was the last one, and the prefix has arrived."""
    load = state.transfer[x].leader
    leader = state.transfer[load]
    void = leader.void
    if not void:
        _release(state, x)
    state.transfer[x].done = 1
    leader.left -= 1
    if leader.left > 0:
        return False
    if not void:
        _arrive(state, load)
    x = load
    while x != NONE:
        following = state.transfer[x].sibling
        free_transfer(state, x)
        x = following
    return not void


@compiled
def _make_ready(state, load, i, r, urgency):
    """A load to instance `i` is to set out: HBM has its path down to record `r`, which is locked."""
    lock(state, r)
    state.transfer[load].held = r
    state.instance[i].departing = load
    x = load
    while x != NONE:
        state.transfer[x].urgency = urgency
        state.transfer[x].payer = i
        x = state.transfer[x].sibling


@component(NUMBER, NUMBER)
def set_out(state, i):
    """Reserve HBM for the load that is to set out for instance `i`, if there is one, and put it on its way.

    Returns EVICT_KV if someone outside has to choose first what gives way, or NONE when it is done.
    """
    load = state.instance[i].departing
    if load == NONE:
        return NONE
    leader = state.transfer[load]
    blocks = end_of_load(state, load) - leader.first
    asked = free_up(state, i, blocks)
    if asked != NONE:
        return asked
    state.instance[i].departing = NONE
    make_room(state, i, blocks)
    charge_kv(state, i)
    leader.reserved = blocks
    state.pool[i].used += blocks
    state.instance[i].peak_blocks = max(state.instance[i].peak_blocks, state.pool[i].used)
    list_load(state, load)
    _depart(state, load)
    return NONE


@component(NOTHING, NUMBER)
def _depart(state, load):
    """Put the transfers of a load on their way."""
    x = load
    while x != NONE:
        following = state.transfer[x].sibling
        if state.world[0].transfers == SERIALIZED:
            charge(state, x)
            end_part_of_load(state, x)
        else:
            enqueue(state, x)
        x = following


@compiled
def _on_its_way(state, i, s, match, most):
    """The load that a waiting turn waits for, or NONE: one for its program, or one that brings more of its prefix."""
    slot = state.slot[s]
    if state.world[0].prefetches:
        load = state.ahead[slot.program].prefetch
        if load != NONE and not slot.handed and state.transfer[load].target_pool == i:
            return load
    return load_that_brings(state, i, state.turn[slot.turn].segment, match, most)


@compiled
def _hasten_load(state, load):
    """Somebody waits for a load."""
    x = load
    while x != NONE:
        if not state.transfer[x].done:
            hasten(state, x)
        x = state.transfer[x].sibling


@component(NOTHING, NUMBER, NUMBER)
def begin_ahead(state, i, t):
    """Bring up what the tiers have of a turn's context, for which `ahead_blocks` is positive; `set_out` follows."""
    r = held_ahead(state, i, t)
    most = context_blocks(state, t)
    load = _from_tiers(state, i, state.turn[t].segment, min(depth_blocks(state, r), most), most)
    p = state.turn[t].program
    state.transfer[load].program = p
    state.ahead[p].prefetch = load
    state.instance[i].prefetches += 1
    _make_ready(state, load, i, r, AHEAD)


@component(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
def begin_load(state, i, s, r, match):
    """Bring up what other places have of a waiting turn's prefix beyond the `match` blocks down to record `r`.

    The caller has made sure that the whole prompt finds room. Returns 1 if the turn has to wait for that, which
    `set_out` then puts on its way, or for what is on its way already, else 0.
    """
    slot = state.slot[s]
    # The block of the last token is not worth a transfer: one token is computed in any case.
    most = (slot.target - 1) // state.world[0].block_size
    load = _on_its_way(state, i, s, match, most)
    if load != NONE:
        miss_ahead(state, i, slot.program, match)
        wait_for(state, s, load)
        _hasten_load(state, load)
        return 1
    load = _gather(state, i, state.turn[slot.turn].segment, match, most)
    if load == NONE:
        return 0
    miss_ahead(state, i, slot.program, match)
    state.transfer[load].slot = s
    wait_for(state, s, load)
    _make_ready(state, load, i, r, DEMAND)
    return 1


@compiled
def lose_load(state, x):
    """One end of a transfer has failed: its load has no effect any more."""
    load = state.transfer[x].leader
    leader = state.transfer[load]
    x = load
    while x != NONE:
        if not state.transfer[x].done:
            _release(state, x)
        state.transfer[x].void = 1
        x = state.transfer[x].sibling
    charge_kv(state, leader.target_pool)
    unlock(state, leader.held)
    state.pool[leader.target_pool].used -= leader.reserved
    if leader.program != NONE:
        note_not_brought_up(state, leader.program, leader.target_pool)
    unlist_load(state, load)
