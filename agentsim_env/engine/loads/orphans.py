"""Turns for which a prefill instance kept KV when it failed: they start again."""

from agentsim_env.engine.batch.handover import route_again
from agentsim_env.engine.batch.runs import synchronise, wake
from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import leave_waiting, unpark_all
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.loads.loads import lose_load
from agentsim_env.engine.residency.residency import unlock
from agentsim_env.engine.tiers.on_the_way import stop_waiting


@compiled
def _next_kept(state, i):
    """The turn with the least number for which instance `i` keeps something; its slot, or NONE."""
    first = NONE
    for s in range(state.world[0].n_slots):
        slot = state.slot[s]
        if slot.turn == NONE or slot.kept == NONE or state.resident[slot.kept].pool != i:
            continue
        if first == NONE or slot.turn < state.slot[first].turn:
            first = s
    return first


@component(NOTHING, NUMBER)
def lose_kept(state, i):
    """Instance `i` fails: turns for which it kept KV that has not been moved yet start again."""
    parked = False
    s = _next_kept(state, i)
    while s != NONE:
        slot = state.slot[s]
        unlock(state, slot.kept)
        slot.kept = NONE
        slot.handed = 0
        if slot.instance == NONE:
            parked = True
        else:
            _leave_queue(state, s)
        s = _next_kept(state, i)
    if parked:
        unpark_all(state)


@compiled
def _leave_queue(state, s):
    """A turn leaves the queue of its decode instance, which may have room for others now; what comes is not wanted."""
    slot = state.slot[s]
    at = slot.instance
    if slot.transfer != NONE and state.transfer[slot.transfer].slot == s:
        synchronise(state, at)
        lose_load(state, slot.transfer)
    elif slot.transfer != NONE:
        stop_waiting(state, s)
    leave_waiting(state, at, s)
    state.instance[at].outstanding_tokens -= slot.target
    route_again(state, s)
    if state.instance[at].n_waiting > 0:
        wake(state, at)
