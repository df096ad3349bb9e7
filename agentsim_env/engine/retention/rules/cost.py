"""What it costs to bring back what a turn has left: to compute it again, or to move it down and up."""

import numpy as np

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import CXL, DRAM, NONE
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.engine.tiers.stores import can_store


@compiled
def context_tokens(state, t):
    """Tokens of the context that a turn has left: its prompt and its output."""
    return state.turn[t].prompt_tokens + state.turn[t].output_tokens


@compiled
def instance_of(state, t):
    """Where a turn has ended."""
    return int(state.turn_run[t].instance)


@compiled
def recompute_s(state, t):
    """Time to prefill the context of a turn from nothing, alone."""
    return prefill_s(state, instance_of(state, t), context_tokens(state, t), 0)


@compiled
def whole_blocks(state, t):
    """Blocks of the context of a turn that are full of KV."""
    return (context_tokens(state, t) - 1) // state.world[0].block_size


@compiled
def first_level(state, i):
    """The first tier below instance `i` to which something can be moved, or NONE."""
    if can_store(state, i, DRAM):
        return DRAM
    return CXL if can_store(state, i, CXL) else NONE


@compiled
def _on_link_s(state, k, blocks):
    """Time of so many blocks on a link that is free; infinite without bandwidth."""
    link = state.link[k]
    return link.latency_s + blocks * link.block_bytes / link.bytes_per_s if link.bytes_per_s > 0.0 else np.inf


@compiled
def round_trip_s(state, i, level, blocks):
    """Time to move so many blocks to a tier and back, on free links."""
    tier = state.tier[i, level]
    return _on_link_s(state, tier.down, blocks) + _on_link_s(state, tier.up, blocks)


@compiled
def queued_s(state, i, level):
    """Time that the link to a tier takes for what is on it, counted in full, and for what waits for it."""
    link = state.link[state.tier[i, level].down]
    if link.current == NONE:
        return 0.0
    blocks = np.int64(state.transfer[link.current].missing)
    x = link.queue_head
    while x != NONE:
        blocks += state.transfer[x].missing
        x = state.transfer[x].next
    return blocks * link.block_bytes / link.bytes_per_s
