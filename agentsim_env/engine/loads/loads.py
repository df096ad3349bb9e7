"""What turns lack comes up: of their prefixes what places below or beside have, and their adapters.

A load is a chain of transfers, one for each place; the first of them leads. Its blocks are reserved in HBM, and what
HBM has of the prefix and what the places have is locked. They take effect together, when the last one has ended.
"""

from agentsim_env.engine.batch.handover import let_go
from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import AHEAD, DEMAND, NONE, SERIALIZED
from agentsim_env.engine.eviction.room import make_room
from agentsim_env.engine.eviction.victims import free_up
from agentsim_env.engine.loads.parts import adapter_part, from_tiers, gather, release, with_adapter
from agentsim_env.engine.programs.invocation_distance import distance
from agentsim_env.engine.residency.adapters import (
    adapter_arrived,
    empty_slot,
    lacks_adapter,
    load_of_adapter,
    needed_adapter,
)
from agentsim_env.engine.residency.kv_time import charge as charge_kv
from agentsim_env.engine.residency.residency import depth_blocks, lock, publish, unlock
from agentsim_env.engine.tiers.links import charge, enqueue, free_transfer, hasten, transfer_bytes
from agentsim_env.engine.tiers.on_the_way import end_of_load, list_load, load_that_brings, unlist_load, wait_for
from agentsim_env.engine.tiers.prefetch_subjects import (
    context_blocks,
    held_ahead,
    miss_ahead,
    note_brought_up,
    note_not_brought_up,
)


@compiled
def _arrive(state, load):
    """All of a prefix is in HBM, where it is ordinary cache until its turn is admitted."""
    leader = state.transfer[load]
    i = leader.target_pool
    state.pool[i].used -= leader.reserved
    state.instance[i].plan_loaded = state.world[0].transfers == SERIALIZED
    if leader.reserved > 0:
        lowest = publish(state, leader.leaf, i, end_of_load(state, load))
        lock(state, lowest)
        unlock(state, leader.held)
        unlock(state, lowest)
    else:
        unlock(state, leader.held)
    x = load
    while x != NONE:
        if state.transfer[x].adapter_slot != NONE:
            adapter_arrived(state, i, state.transfer[x].adapter_slot)
        elif state.transfer[x].source_pool < len(state.instance):
            state.instance[i].migrated_blocks += state.transfer[x].missing
        else:
            state.instance[i].loaded_blocks += state.transfer[x].missing
        x = state.transfer[x].sibling
    if leader.program != NONE:
        note_brought_up(state, leader.program, i, load)
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
        release(state, x)
    elif not state.transfer[x].done:
        state.instance[leader.target_pool].wasted_bytes += transfer_bytes(state, x)
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
    """The load that a turn waits for, or NONE: for its program, with its adapter, or with more of its prefix."""
    slot = state.slot[s]
    if state.world[0].prefetches:
        load = state.ahead[slot.program].prefetch
        if load != NONE and not slot.handed and state.transfer[load].target_pool == i:
            return load
    if state.world[0].has_adapters:
        load = load_of_adapter(state, i, needed_adapter(state, i, slot.program))
        if load != NONE:
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
    """Bring up what a turn for which `can_bring_up` holds needs; `set_out` follows."""
    r = held_ahead(state, i, t)
    most = context_blocks(state, t)
    leaf, match = state.turn[t].segment, min(depth_blocks(state, r), most)
    p = state.turn[t].program
    a = needed_adapter(state, i, p) if state.world[0].has_adapters else NONE
    adapter = adapter_part(state, i, leaf, a)
    load = with_adapter(state, from_tiers(state, i, leaf, match, most), adapter, match, a)
    state.transfer[load].program = p
    state.ahead[p].prefetch = load
    state.instance[i].prefetches += 1
    _make_ready(state, load, i, r, AHEAD)
    x = load
    while x != NONE:
        state.transfer[x].distance = distance(state, p)
        x = state.transfer[x].sibling


@component(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
def begin_load(state, i, s, r, match):
    """Bring up what a waiting turn lacks: of its prefix beyond the `match` blocks down to record `r`, and its adapter.

    The caller has made sure that all of it finds room. Returns 1 if the turn has to wait for that, which
    `set_out` then puts on its way, or for what is on its way already, else 0.
    """
    slot = state.slot[s]
    # The block of the last token is not worth a transfer: one token is computed in any case.
    most = (slot.target - 1) // state.world[0].block_size
    a = needed_adapter(state, i, slot.program) if state.world[0].has_adapters else NONE
    lacks = a != NONE and (lacks_adapter(state, i, a) or load_of_adapter(state, i, a) != NONE)
    load = _on_its_way(state, i, s, match, most)
    slot.lacked_adapter = slot.lacked_adapter or lacks
    if load != NONE:
        miss_ahead(state, i, slot.program, match, lacks)
        wait_for(state, s, load)
        _hasten_load(state, load)
        return 1
    leaf = state.turn[slot.turn].segment
    adapter = adapter_part(state, i, leaf, a)
    load = with_adapter(state, gather(state, i, leaf, match, most), adapter, match, a)
    if load == NONE:
        return 0
    miss_ahead(state, i, slot.program, match, lacks)
    state.transfer[load].slot = s
    wait_for(state, s, load)
    _make_ready(state, load, i, r, DEMAND)
    return 1


@compiled
def give_up(state, load):
    """A load is to have no effect any more: what it locks and reserves is given back, and nobody waits for it."""
    leader = state.transfer[load]
    x = load
    while x != NONE:
        if state.transfer[x].adapter_slot != NONE:
            empty_slot(state, leader.target_pool, state.transfer[x].adapter_slot)
        if state.transfer[x].done:
            state.instance[leader.target_pool].wasted_bytes += transfer_bytes(state, x)
        else:
            release(state, x)
        state.transfer[x].void = 1
        x = state.transfer[x].sibling
    charge_kv(state, leader.target_pool)
    unlock(state, leader.held)
    state.pool[leader.target_pool].used -= leader.reserved
    unlist_load(state, load)


@compiled
def lose_load(state, x):
    """One end of a transfer has failed: its load has no effect any more."""
    load = state.transfer[x].leader
    give_up(state, load)
    if state.transfer[load].program != NONE:
        note_not_brought_up(state, state.transfer[load].program, state.transfer[load].target_pool)
