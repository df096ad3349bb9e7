"""A gate that closes at a high mark and opens at a low one, and then slowly."""

from agentsim_env.engine.admission.rules.limits import must_queue, utilisation
from agentsim_env.engine.core.decisions import ADMIT, HOLD
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE


@compiled
def _waiting(state):
    """Turns that wait on any instance that is up."""
    waiting = 0
    for i in range(len(state.instance)):
        waiting += state.instance[i].n_waiting if state.instance[i].up else 0
    return waiting


@compiled
def _let_in(state):
    """Programs that have ever been let in."""
    world = state.world[0]
    return world.n_admitted + world.n_done + world.n_failed


@compiled
def hysteresis_gate(state, p, most_waiting=48.0, utilisation_limit=0.85):
    """Hold newcomers while much waits or memory is full; release one a tick while little waits.

    A newcomer is held behind others, or if more than `most_waiting` turns wait in the cluster, or if more than
    `utilisation_limit` of the blocks are in use. Every `period_s`, if no more than `least_waiting` turns wait, the
    first of those held is let in. Constants are those of the draft that proposes the gate, for eight instances.
    """
    if state.world[0].held_head == NONE:
        full = _waiting(state) > most_waiting or utilisation(state) > utilisation_limit
        return HOLD if full else ADMIT
    if must_queue(state, p) or _let_in(state) >= state.world[0].window:
        return HOLD
    return ADMIT


@compiled
def allow_one(state, least_waiting=24.0):
    """A tick of `hysteresis_gate`: `window` programs may have been let in until the next one."""
    world = state.world[0]
    allowed = world.n_held > 0 and _waiting(state) <= least_waiting
    world.window = _let_in(state) + (1.0 if allowed else 0.0)
