"""Adapters in the HBM of an instance: each takes one of its slots, and a turn is in the batch only beside its own.

An adapter is whatever a program needs beside KV and has a fixed size: a LoRA, or a whole model. Host memory has all of
them all the time, so that giving one up moves nothing.
"""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE


@compiled
def needed_adapter(state, i, p):
    """The adapter that turns of program `p` need on instance `i`, or NONE."""
    return state.program[p].adapter if state.instance[i].adapter_slots > 0 else NONE


@compiled
def lacks_adapter(state, i, a):
    """Whether an adapter, NONE for none, is neither on instance `i` nor on its way to it."""
    return a != NONE and state.adapter_at[i, a] == NONE


@compiled
def load_of_adapter(state, i, a):
    """The load that brings an adapter to instance `i`; NONE if it is there, or none is on its way."""
    k = state.adapter_at[i, a] if a != NONE else NONE
    return state.adapter_slot[i, k].load if k != NONE else NONE


@compiled
def has_slot(state, i, a):
    """Whether an adapter, NONE for none, is on instance `i`, is on its way, or can be given a slot."""
    found = not lacks_adapter(state, i, a)
    for k in range(state.instance[i].adapter_slots):
        found = found or state.adapter_slot[i, k].locks == 0
    return found


@compiled
def _touch(state, i, k):
    """Slot `k` of instance `i` is the one that was used last."""
    state.adapter_slot[i, k].used = state.instance[i].adapter_uses
    state.instance[i].adapter_uses += 1


@compiled
def lock_adapter(state, i, s):
    """A turn joins the batch of instance `i`, where its adapter is if it needs one."""
    a = needed_adapter(state, i, state.slot[s].program)
    if a == NONE:
        return
    state.adapter_slot[i, state.adapter_at[i, a]].locks += 1
    state.instance[i].adapter_lookups += 1
    state.instance[i].adapter_hits += not state.slot[s].lacked_adapter
    state.slot[s].lacked_adapter = 0


@compiled
def unlock_adapter(state, i, s):
    """It leaves the batch."""
    a = needed_adapter(state, i, state.slot[s].program)
    if a != NONE:
        k = state.adapter_at[i, a]
        state.adapter_slot[i, k].locks -= 1
        _touch(state, i, k)


@compiled
def expect_adapter(state, i, k, a, load):
    """Adapter `a` is on its way into slot `k`, which is empty or whose adapter is given up."""
    slot = state.adapter_slot[i, k]
    if slot.adapter != NONE:
        state.adapter_at[i, slot.adapter] = NONE
    slot.adapter = a
    slot.locks = 1
    slot.load = load
    state.adapter_at[i, a] = k


@compiled
def adapter_arrived(state, i, k):
    """What slot `k` was kept for is there."""
    slot = state.adapter_slot[i, k]
    slot.locks = 0
    slot.load = NONE
    state.instance[i].adapter_loads += 1
    _touch(state, i, k)


@compiled
def empty_slot(state, i, k):
    """Slot `k` holds nothing: what was to come will not, or its instance has failed."""
    slot = state.adapter_slot[i, k]
    if slot.adapter != NONE:
        state.adapter_at[i, slot.adapter] = NONE
    slot.adapter = slot.load = NONE
    slot.locks = 0


@compiled
def lose_adapters(state, i):
    """Instance `i` has failed."""
    for k in range(state.instance[i].adapter_slots):
        empty_slot(state, i, k)
