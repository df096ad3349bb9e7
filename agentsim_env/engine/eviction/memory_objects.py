"""Memory objects: segments of KV and adapters, and in which order they give way, behind one interface."""

from agentsim_env.engine.core.decisions import EVICT_KV
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.rules import BELADY, KVFLOW, SCALESIM
from agentsim_env.engine.eviction.rules.distance import level_of
from agentsim_env.engine.programs.future_uses import adapter_use_s, next_use_s
from agentsim_env.engine.programs.invocation_distance import adapter_distance, object_distance

KV, ADAPTER = range(2)
"""Kinds of memory objects: a resident record, by its number; an adapter, by its number."""


@compiled
def distance_of(state, kind, number):
    """Invocation distance of a memory object: the least of those who need it. Needs a rule with `needs_owners`."""
    return object_distance(state, number) if kind == KV else adapter_distance(state, number)


@compiled
def use_s_of(state, kind, number, i):
    """When a memory object is needed next on instance `i`. Needs a rule with `needs_future` and `needs_owners`."""
    if kind == KV:
        return next_use_s(state, state.resident[number].segment, i)
    return adapter_use_s(state, number, i)


@compiled
def order_of(state, kind, number, i):
    """How early a memory object of instance `i` gives way by the eviction rule in force: the larger goes first.

    Where the rule looks at no distance all are alike, and what was used longest ago goes.
    """
    rule = state.rule[EVICT_KV]
    if rule == SCALESIM:
        return distance_of(state, kind, number)
    if rule == KVFLOW:
        return level_of(distance_of(state, kind, number), state.parameter[EVICT_KV, 0])
    return use_s_of(state, kind, number, i) if rule == BELADY else 0.0


@compiled
def slot_to_fill(state, i):
    """The slot of instance `i` that takes the next adapter: an empty one, else the one that gives way first.

    Slots of what running turns need, or what is on its way, do not give way; NONE if there are no others.
    """
    best, first = NONE, 0.0
    for k in range(state.instance[i].adapter_slots):
        slot = state.adapter_slot[i, k]
        if slot.adapter == NONE:
            return k
        if slot.locks > 0:
            continue
        order = order_of(state, ADAPTER, slot.adapter, i)
        used_before = best != NONE and slot.used < state.adapter_slot[i, best].used
        if best == NONE or order > first or (order == first and used_before):
            best, first = k, order
    return best
