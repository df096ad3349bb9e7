"""What copying KV to and from the tiers below an instance takes, and what they have of it."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import CXL, DRAM, NONE
from agentsim_env.engine.tiers.lower_pools import reach
from agentsim_env.engine.tiers.stores import can_store


@compiled
def move_s(state, i, level, blocks):
    """Time to bring so many blocks up from a tier that instance `i` has, over a link that is free."""
    link = state.link[state.tier[i, level].up]
    if link.bytes_per_s <= 0.0:
        return 1000.0
    return link.latency_s + blocks * link.block_bytes / link.bytes_per_s


@compiled
def blocks_below(state, i, leaf, first):
    """Blocks of a path, from number `first` on without a gap, that one of the tiers below instance `i` has."""
    most = 0
    for level in range(DRAM, CXL + 1):
        if can_store(state, i, level):
            most = max(most, reach(state, leaf, state.tier[i, level].pool, first) - first)
    return most


@compiled
def nearest(state, i):
    """The level of the first tier below instance `i`."""
    return DRAM if can_store(state, i, DRAM) else CXL


MOST_COUNTED = 64


@compiled
def link_queue(state, link):
    """Transfers that wait for a link, counted up to a bound."""
    n = 0
    x = link.queue_head
    while x != NONE and n < MOST_COUNTED:
        n += 1
        x = state.transfer[x].next
    return n
