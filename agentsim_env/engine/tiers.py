"""Tiers below HBM: copies of what turns leave, and prefixes that are brought up again.

A lower tier is a pool like that of an instance, shared by the instances of its host (DRAM) or by all (CXL). Transfers
overlap with compute and take effect at their end. While one runs, its source is locked; a load has its blocks reserved.
"""

from agentsim_env.engine.component import NUMBER, component
from agentsim_env.engine.jit import compiled
from agentsim_env.engine.links import enqueue, new_transfer
from agentsim_env.engine.residency import (
    deepest,
    depth_blocks,
    evict,
    holder_of,
    lock,
    publish,
    remember,
    unlock,
)
from agentsim_env.engine.state import NONE


@compiled
def store(state, i, leaf, blocks):
    """Copy the first `blocks` blocks of a path, which HBM of instance `i` holds, to the tier below."""
    instance = state.instance[i]
    if instance.lower == NONE or blocks <= 0 or state.link[instance.link].bytes_per_s == 0.0:
        return
    missing = blocks - depth_blocks(state, deepest(state, leaf, instance.lower))
    if missing <= 0:
        return
    x = new_transfer(state, i, instance.link, leaf, blocks)
    transfer = state.transfer[x]
    transfer.missing = missing
    transfer.source = holder_of(state, deepest(state, leaf, i), blocks)
    lock(state, transfer.source)
    enqueue(state, x)


@compiled
def end_store(state, x):
    """A copy has arrived below; if it finds no place there, it is lost."""
    transfer = state.transfer[x]
    i = transfer.instance
    unlock(state, transfer.source)
    pool = state.instance[i].lower
    before = depth_blocks(state, deepest(state, transfer.leaf, pool))
    remember(state, transfer.leaf, pool, transfer.blocks)
    after = depth_blocks(state, deepest(state, transfer.leaf, pool))
    if after < transfer.blocks:
        state.world[0].lost_stores += 1
    state.instance[i].stored_blocks += max(0, after - before)


@component(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
def begin_load(state, i, s, r, match):
    """Bring up what the tier below has of a waiting turn's prefix beyond the `match` blocks down to record `r`.

    The caller has made sure that the whole prompt finds room. Returns 1, or 0 if there is nothing to bring up.
    """
    instance = state.instance[i]
    slot = state.slot[s]
    leaf = state.turn[slot.turn].segment
    # The block of the last token is not worth a transfer: one token is computed in any case.
    most = (slot.target - 1) // state.world[0].block_size
    source = deepest(state, leaf, instance.lower)
    blocks = min(depth_blocks(state, source), most)
    if blocks <= match or state.link[instance.link + 1].bytes_per_s == 0.0:
        return 0
    x = new_transfer(state, i, instance.link + 1, leaf, blocks)
    transfer = state.transfer[x]
    transfer.missing = blocks - match
    transfer.source = holder_of(state, source, blocks)
    transfer.held = r
    transfer.slot = s
    slot.transfer = x
    lock(state, transfer.source)
    lock(state, r)
    evict(state, i, transfer.missing)
    state.pool[i].used += transfer.missing
    instance.peak_blocks = max(instance.peak_blocks, state.pool[i].used)
    enqueue(state, x)
    return 1


@compiled
def end_load(state, x):
    """A prefix has arrived in HBM, where it is ordinary cache until its turn is admitted."""
    transfer = state.transfer[x]
    i = transfer.instance
    state.pool[i].used -= transfer.missing
    unlock(state, transfer.source)
    lowest = publish(state, transfer.leaf, i, transfer.blocks)
    lock(state, lowest)
    unlock(state, transfer.held)
    unlock(state, lowest)
    state.instance[i].loaded_blocks += transfer.missing
    state.slot[transfer.slot].transfer = NONE
