"""The parts of a load: of a prefix each from the fastest place that has it, and an adapter from host memory."""

from agentsim_env.engine.batch.runs import cut, synchronise
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import CXL, DRAM, NONE
from agentsim_env.engine.eviction.memory_objects import slot_to_fill
from agentsim_env.engine.residency.adapters import expect_adapter, lacks_adapter
from agentsim_env.engine.residency.residency import deepest, hits, holder_of, lock, unlock
from agentsim_env.engine.tiers.links import can_begin, new_transfer
from agentsim_env.engine.tiers.lower_pools import lock_part, reach, unlock_part
from agentsim_env.engine.tiers.on_the_way import end_of_load


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
def from_tiers(state, i, leaf, match, most):
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
def gather(state, i, leaf, match, most):
    """The same, and of what follows them the blocks that another instance has."""
    load = from_tiers(state, i, leaf, match, most)
    at = end_of_load(state, load) if load != NONE else match
    x = _from_peer(state, i, leaf, at, most) if at < most else NONE
    return _add(state, load, x) if x != NONE else load


@compiled
def adapter_part(state, i, leaf, a):
    """A transfer of an adapter that is lacked, from host memory, which has all of them; NONE if it is not lacked."""
    if not lacks_adapter(state, i, a):
        return NONE
    x = new_transfer(state, state.tier[i, DRAM].up, leaf, 0, 0, 0)
    state.transfer[x].source_pool = state.tier[i, DRAM].pool
    state.transfer[x].target_pool = i
    state.transfer[x].adapter_slot = slot_to_fill(state, i)
    return x


@compiled
def with_adapter(state, load, x, match, a):
    """A load of KV, NONE for none, and behind it the transfer of an adapter, NONE for none, which adds no block."""
    if x == NONE:
        return load
    at = end_of_load(state, load) if load != NONE else match
    state.transfer[x].first = state.transfer[x].blocks = at
    load = _add(state, load, x)
    expect_adapter(state, state.transfer[x].target_pool, state.transfer[x].adapter_slot, a, load)
    return load


@compiled
def release(state, x):
    """A transfer of a load does not need its source any more."""
    transfer = state.transfer[x]
    if transfer.adapter_slot != NONE:
        return
    if transfer.source_pool < len(state.instance):
        unlock(state, transfer.source)
    else:
        unlock_part(state, transfer.leaf, transfer.source_pool, transfer.first, transfer.blocks)
