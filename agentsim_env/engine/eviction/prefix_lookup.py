"""What the cache of an instance holds of a turn's context, and whether the rest of it can be had."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.eviction.room import blocks_for_waiting
from agentsim_env.engine.residency.adapters import has_slot, lacks_adapter, needed_adapter
from agentsim_env.engine.residency.residency import deepest, depth_blocks, holder_of
from agentsim_env.engine.tiers.links import can_begin


@compiled
def ceil_blocks(tokens, block_size):
    """Blocks that hold so many tokens, the last one perhaps in part."""
    return (tokens + block_size - 1) // block_size


@compiled
def found(state, i, s):
    """The deepest record of a turn's path that instance `i` holds, as far as the turn's target goes, or NONE."""
    slot = state.slot[s]
    r = deepest(state, state.turn[slot.turn].segment, i)
    return holder_of(state, r, slot.target // state.world[0].block_size)


@compiled
def matched(state, s, r):
    """Whole blocks of a turn's target that are there down to record `r`, which `found` has returned."""
    return min(depth_blocks(state, r), state.slot[s].target // state.world[0].block_size)


@compiled
def kept_blocks(state, s):
    """Blocks of a turn's path that a prefill instance keeps for it: they are moved to where it decodes."""
    return depth_blocks(state, state.slot[s].kept) if state.slot[s].handed else 0


@compiled
def hit_tokens(state, s, match):
    """Tokens of a turn's target that `match` blocks spare; at least one is computed: it yields the next token."""
    size = state.world[0].block_size
    return min(match, (state.slot[s].target - 1) // size) * size


@compiled
def uncached_prompt_tokens(state, i, t):
    """Prompt tokens that instance `i` would have to prefill, as its cache is now, of a turn not in the cluster."""
    size = state.world[0].block_size
    turn = state.turn[t]
    blocks = depth_blocks(state, holder_of(state, deepest(state, turn.segment, i), turn.prompt_tokens // size))
    return turn.prompt_tokens - min(blocks, (turn.prompt_tokens - 1) // size) * size


@compiled
def _adapter_fits(state, i, s):
    """Whether the adapter of a turn is on instance `i` or can be brought there."""
    a = needed_adapter(state, i, state.slot[s].program)
    return has_slot(state, i, a) and (can_begin(state) or not lacks_adapter(state, i, a))


@compiled
def fits(state, i, s, r, match):
    """Whether the blocks of a turn's whole remaining prompt can be had without touching its own path, down to `r`.

    So must be its adapter, if it needs one.
    """
    if state.world[0].has_adapters and not _adapter_fits(state, i, s):
        return False
    needed = ceil_blocks(state.slot[s].target, state.world[0].block_size) - match
    return needed <= blocks_for_waiting(state, i, r)


@compiled
def uncached_tokens(state, i, s):
    """Tokens that a waiting turn would have to prefill on instance `i`, as its cache is now."""
    return state.slot[s].target - hit_tokens(state, s, matched(state, s, found(state, i, s)))
