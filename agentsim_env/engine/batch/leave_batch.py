"""Leaving the batch of an instance, and waiting again."""

from agentsim_env.engine.batch.decodes import end_decode
from agentsim_env.engine.batch.prefill_lane import leave_prefill_lane
from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import (
    join_waiting_front,
    leave_prefills,
    leave_running,
)
from agentsim_env.engine.core.state import DECODE, NONE, WAITING
from agentsim_env.engine.eviction.prefix_lookup import ceil_blocks, kept_blocks
from agentsim_env.engine.residency.adapters import unlock_adapter
from agentsim_env.engine.residency.residency import (
    deepest,
    depth_blocks,
    first_locked,
    lock,
    note_use,
    publish,
    unlock,
)


@compiled
def _release(state, i, s, tokens):
    """Publish `tokens` computed tokens of a turn as whole blocks, give up its lock and the blocks that it owns."""
    slot = state.slot[s]
    size = state.world[0].block_size
    owned = ceil_blocks(tokens, size) - slot.target // size if slot.state == DECODE else slot.owned
    state.pool[i].used -= owned
    slot.owned = 0
    held = used = slot.locked
    if tokens >= size:
        lowest = publish(state, state.turn[slot.turn].segment, i, tokens // size)
        used = lowest if depth_blocks(state, lowest) > depth_blocks(state, used) else used
        if lowest != held:
            lock(state, lowest)
            unlock(state, held)
            held = lowest
    note_use(state, used, slot.program)
    unlock(state, held)
    slot.locked = NONE


@component(NOTHING, NUMBER, NUMBER)
def leave_batch(state, i, s):
    """Take a turn out of the batch, keeping its KV as ordinary cache."""
    if state.slot[s].state == DECODE:
        tokens = end_decode(state, i, s)
    elif state.slot[s].in_prefill_lane:
        tokens = leave_prefill_lane(state, i, s)
    else:
        tokens = state.slot[s].computed
        leave_prefills(state, i, s)
    leave_running(state, i, s)
    if state.world[0].has_adapters:
        unlock_adapter(state, i, s)
    _release(state, i, s, tokens)


@component(NOTHING, NUMBER, NUMBER)
def preempt(state, i, s):
    """The turn goes back to the head of the queue and recomputes what will have been lost."""
    instance = state.instance[i]
    slot = state.slot[s]
    leave_batch(state, i, s)
    instance.asked_tokens -= slot.target - slot.computed
    instance.preemptions += 1
    state.turn_run[slot.turn].preemptions += 1
    requeue(state, i, s)
    join_waiting_front(state, i, s)


@compiled
def requeue(state, i, s):
    """A turn that was in a batch waits again: everything that it has so far is its new target."""
    slot = state.slot[s]
    state.instance[i].outstanding_tokens -= slot.target
    slot.target = state.turn[slot.turn].prompt_tokens + slot.generated
    state.instance[i].outstanding_tokens += slot.target
    slot.computed = 0
    slot.chunk = 0
    slot.ahead = 0
    slot.state = WAITING
    expect(state, i, s)


@compiled
def expect(state, i, s):
    """Note how many prefill tokens and further blocks a turn will need on instance `i`, as its cache is now."""
    slot = state.slot[s]
    size = state.world[0].block_size
    r = deepest(state, state.turn[slot.turn].segment, i)
    cached = max(depth_blocks(state, r), kept_blocks(state, s))
    slot.expected = slot.target - min(cached, (slot.target - 1) // size) * size
    held = depth_blocks(state, first_locked(state, r))
    slot.demand = max(0, ceil_blocks(slot.target, size) - held)
