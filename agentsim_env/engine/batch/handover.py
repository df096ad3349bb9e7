"""Prefill/decode disaggregation: a turn whose prefill has ended goes on to a decode instance, and its KV with it.

What it has of its path stays locked on the prefill instance until it has been moved.
"""

from agentsim_env.engine.batch.leave_batch import leave_batch
from agentsim_env.engine.batch.runs import synchronise, wake
from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import join_to_route
from agentsim_env.engine.core.state import NONE, READY
from agentsim_env.engine.residency.residency import lock, unlock


@component(NOTHING, NUMBER, NUMBER)
def hand_over(state, i, s):
    """A turn has the first token from prefill instance `i`: it is to be routed to a decode instance."""
    instance = state.instance[i]
    slot = state.slot[s]
    slot.kept = slot.locked
    lock(state, slot.kept)
    leave_batch(state, i, s)
    instance.outstanding_tokens -= slot.target
    slot.target = state.turn[slot.turn].prompt_tokens + slot.generated
    slot.computed = 0
    slot.chunk = 0
    slot.handed = 1
    route_again(state, s)


@compiled
def route_again(state, s):
    """A turn goes to the router once more."""
    state.slot[s].instance = NONE
    state.slot[s].state = READY
    state.slot[s].lacked_adapter = 0
    join_to_route(state, s)


@component(NOTHING, NUMBER)
def let_go(state, s):
    """What a prefill instance has kept for a turn has been moved, or is not wanted any more."""
    slot = state.slot[s]
    if slot.kept == NONE:
        return
    i = state.resident[slot.kept].pool
    synchronise(state, i)
    unlock(state, slot.kept)
    slot.kept = NONE
    if state.instance[i].n_waiting > 0:
        wake(state, i)
