"""Copies that go down: of what turns leave, of what is evicted, and of what is to make room above.

Room below is made when a copy begins; what finds none there is lost. A copy that is read from HBM locks its source
until it has arrived. What is written back has left HBM already: it waits for its link in a staging buffer.
"""

from collections.abc import Callable
from typing import Any

from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import CXL, DRAM, NONE, SERIALIZED, WRITE_BACK
from agentsim_env.engine.residency.directory import find
from agentsim_env.engine.residency.residency import (
    available_blocks,
    deepest,
    depth_blocks,
    free_blocks,
    holder_of,
    lock,
    remove,
    unlock,
)
from agentsim_env.engine.tiers.links import can_begin, charge, enqueue, free_transfer, new_transfer
from agentsim_env.engine.tiers.lower_pools import (
    arrive_part,
    blocks_to_have_free,
    expect_part,
    growth_blocks,
    lock_part,
    missing_blocks,
    reach,
    take_oldest,
    unlock_part,
)


@compiled
def can_store(state, pool, level):
    """Whether a pool has a tier of that level below it, and a link that moves something."""
    if not state.world[0].has_links:
        return False
    tier = state.tier[pool, level]
    return tier.pool != NONE and state.link[tier.down].bytes_per_s > 0.0


@compiled
def _lose(state, pool, blocks):
    if pool < len(state.instance):
        state.instance[pool].lost_blocks += blocks


@compiled
def _leave_hbm(state, i, r, blocks):
    """Give up record `r` and its ancestors, as far as nobody uses them and they lie in the first `blocks` blocks."""
    while r != NONE and state.resident[r].children == 0:
        if state.resident[r].locks > 0 or state.resident[r].pins > 0:
            return
        if depth_blocks(state, r) > blocks:
            return
        parent = state.resident[r].parent
        state.instance[i].demoted_blocks += state.resident[r].blocks
        remove(state, r)
        r = parent


@compiled
def end_copy(state, x):
    """A copy has arrived below, unless it is void."""
    transfer = state.transfer[x]
    pool = transfer.source_pool
    arrive_part(state, transfer.leaf, transfer.target_pool, transfer.first, transfer.blocks, transfer.void)
    if transfer.staged:
        state.pool[pool].staged_blocks -= transfer.missing
    if transfer.void:
        return
    if pool < len(state.instance):
        state.instance[pool].stored_blocks += transfer.missing
    unlock(state, transfer.source)
    if transfer.demotes:
        _leave_hbm(state, pool, transfer.source, transfer.blocks)


@compiled
def _send(state, x):
    """Put a copy on its way."""
    if state.world[0].transfers == SERIALIZED:
        charge(state, x)
        end_copy(state, x)
        free_transfer(state, x)
    else:
        enqueue(state, x)


def _copier(make_room: Callable[..., Any]) -> Callable[..., Any]:
    """A function that sets out a copy of a part of a path, where `make_room` says what a lower pool does for it.

    It returns the transfer, which its caller puts on its way, or NONE if there is no room.
    """

    def copy(state, payer, pool, level, leaf, first, blocks):
        tier = state.tier[pool, level]
        missing = missing_blocks(state, leaf, tier.pool, first, blocks)
        more = growth_blocks(state, leaf, tier.pool, first, blocks)
        lock_part(state, leaf, tier.pool, first, blocks)
        if more > available_blocks(state, tier.pool) or not can_begin(state):
            unlock_part(state, leaf, tier.pool, first, blocks)
            _lose(state, pool, missing)
            return NONE
        make_room(state, payer, tier.pool, more)
        expect_part(state, leaf, tier.pool, first, blocks)
        x = new_transfer(state, tier.down, leaf, first, blocks, missing)
        state.transfer[x].source_pool = pool
        state.transfer[x].target_pool = tier.pool
        state.transfer[x].payer = payer
        return x

    return compiled(copy)


def _writer(copy: Callable[..., Any]) -> Callable[..., Any]:
    """A function that hands the last `blocks` blocks of a record, which are about to be given up, to a lower tier."""

    def write(state, payer, pool, r, blocks, level):
        record = state.resident[r]
        target = state.tier[pool, level].pool
        start = state.segment[record.segment].start_block
        end = record.first + record.blocks
        begin = end - blocks
        q = find(state, record.segment, target)
        if q != NONE and record.first <= state.resident[q].first + state.resident[q].blocks < begin:
            begin = state.resident[q].first + state.resident[q].blocks  # what lies between is sent, too
        missing = missing_blocks(state, record.segment, target, start + begin, start + end)
        if missing == 0:
            return
        if state.pool[pool].staged_blocks + missing > state.pool[pool].staging_blocks:
            _lose(state, pool, missing)
            return
        x = copy(state, payer, pool, level, record.segment, start + begin, start + end)
        if x != NONE:
            state.pool[pool].staged_blocks += missing
            state.transfer[x].staged = 1
            _send(state, x)

    return compiled(write)


@compiled
def _give_up(state, payer, pool, blocks):
    """Free so many blocks of the last tier, least recently used first."""
    wanted = blocks_to_have_free(state, pool, blocks)
    while free_blocks(state, pool) < wanted:
        short = wanted - free_blocks(state, pool)
        take_oldest(state, pool, min(short, state.resident[state.pool[pool].oldest].blocks))


_write_to_last = _writer(_copier(_give_up))


@compiled
def _pass_on(state, payer, pool, blocks):
    """Free so many blocks of a tier; what it gives up goes on to the next one, where KV is written back."""
    cascades = state.world[0].write_policy == WRITE_BACK and can_store(state, pool, CXL)
    wanted = blocks_to_have_free(state, pool, blocks)
    while free_blocks(state, pool) < wanted:
        r = state.pool[pool].oldest
        take = min(wanted - free_blocks(state, pool), state.resident[r].blocks)
        if cascades:
            _write_to_last(state, payer, pool, r, take, CXL)
        take_oldest(state, pool, take)


_copy = _copier(_pass_on)
_write = _writer(_copy)


@component(NOTHING, NUMBER, NUMBER, NUMBER, NUMBER)
def write_back(state, i, r, blocks, level):
    """Hand the last `blocks` blocks of record `r` in HBM to a tier; the caller gives them up right after that."""
    if can_store(state, i, level):
        _write(state, i, i, r, blocks, level)


@compiled
def write_back_first(state, i, r, blocks):
    """`write_back` to the first tier below, where the scenario has KV copied when HBM gives it up."""
    if state.world[0].write_policy == WRITE_BACK:
        write_back(state, i, r, blocks, DRAM if can_store(state, i, DRAM) else CXL)


@compiled
def _store(state, i, leaf, blocks, level, demotes):
    """Copy the first `blocks` blocks of a path, which HBM holds, to a tier."""
    x = _copy(state, i, i, level, leaf, 0, blocks)
    if x == NONE:
        return
    transfer = state.transfer[x]
    transfer.demotes = demotes
    transfer.source = holder_of(state, deepest(state, leaf, i), blocks)
    lock(state, transfer.source)
    _send(state, x)


@component(NOTHING, NUMBER, NUMBER, NUMBER)
def store(state, i, leaf, blocks):
    """Copy the first `blocks` blocks of a path, which HBM of instance `i` holds, to each tier that lacks any."""
    for level in range(DRAM, CXL + 1):
        if can_store(state, i, level) and missing_blocks(state, leaf, state.tier[i, level].pool, 0, blocks) > 0:
            _store(state, i, leaf, blocks, level, 0)


@component(NOTHING, NUMBER, NUMBER, NUMBER, NUMBER)
def demote(state, i, leaf, blocks, level):
    """Have the first `blocks` blocks of a path in a tier instead of HBM: copy them down, then give them up.

    Where all of them are on their way already, a transfer of no bytes runs behind them. A copy that finds no room below
    changes nothing above.
    """
    r = deepest(state, leaf, i)
    blocks = min(blocks, depth_blocks(state, r))
    if blocks <= 0 or not can_store(state, i, level):
        return
    if reach(state, leaf, state.tier[i, level].pool, 0) >= blocks:
        _leave_hbm(state, i, holder_of(state, r, blocks), blocks)
    else:
        _store(state, i, leaf, blocks, level, 1)


@compiled
def lose_copy(state, x):
    """The instance that a copy comes from fails."""
    unlock(state, state.transfer[x].source)
    state.transfer[x].void = 1
