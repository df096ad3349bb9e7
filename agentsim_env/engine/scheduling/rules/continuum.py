"""The order of Continuum (arXiv 2511.02230)."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import first_ready, next_ready
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.scheduling.rules.pinned import is_pinned

PREEMPTED, PINNED, OTHER = range(3)


@compiled
def _class_of(state, i, s):
    if state.turn_run[state.slot[s].turn].preemptions > 0:
        return PREEMPTED
    return PINNED if is_pinned(state, i, s) else OTHER


@compiled
def continuum(state, i):
    """Preempted turns first, then those whose KV is pinned, that is inside their time to live, then the others.

    In each class the turn goes whose program arrived first.
    """
    best, lowest_class, earliest_s = NONE, OTHER, 0.0
    s = first_ready(state, i)
    while s != NONE:
        arrived_s = state.program_run[state.slot[s].program].arrived_s
        its_class = _class_of(state, i, s)
        if best == NONE or its_class < lowest_class or (its_class == lowest_class and arrived_s < earliest_s):
            best, lowest_class, earliest_s = s, its_class, arrived_s
        s = next_ready(state, s)
    return best
