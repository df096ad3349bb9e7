"""Eviction with knowledge of the future: what no rule can beat where the order of the turns is given."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.rules.lowest import first_candidate, next_candidate
from agentsim_env.engine.programs.future_uses import next_use_s


@compiled
def oracle_belady(state, pool):
    """The record whose next use is the latest (Belady, 1966); one that is never used again goes before all others.

    The next use of a record is that of the next turn whose prompt covers a block of its segment. A turn that waits is
    due since it was ready, one behind a gap when the tool answers, later ones behind the service in between, which is
    not known and taken as 1/64 s per output token, one in a step to come when it begins if steps take as long as those
    so far. Turns that were sent to another instance do not count.
    """
    best, furthest_s = NONE, 0.0
    r = first_candidate(state, pool)
    while r != NONE:
        use_s = next_use_s(state, state.resident[r].segment, pool)
        if best == NONE or use_s > furthest_s:
            best, furthest_s = r, use_s
        r = next_candidate(state, r)
    return best
