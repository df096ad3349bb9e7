"""Loads ahead of use that give way: on their link to what a turn waits for, and in the queue to what is nearer by now.

What gives way has no effect, and gives back what it locks and reserves. It is up to whoever is asked next what the
instance brings up instead, perhaps the same again.
"""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import AHEAD, NONE
from agentsim_env.engine.loads.loads import end_part_of_load, give_up
from agentsim_env.engine.tiers.links import leave_queue


@compiled
def _withdraw(state, load):
    """Give up a load ahead of use: parts that wait leave their queues, one on another link goes on without effect."""
    give_up(state, load)
    state.ahead[state.transfer[load].program].prefetch = NONE
    x = load
    while x != NONE:
        following = state.transfer[x].sibling
        if not state.transfer[x].done and leave_queue(state, x):
            state.transfer[x].done = 1
            end_part_of_load(state, x)
        x = following


@compiled
def interrupt(state, x, moved_bytes):
    """A transfer of a load ahead of use has left its link after so many bytes; whether its load had effect until then.

    One whose instance has failed had not.
    """
    load = state.transfer[x].leader
    target = state.transfer[load].target_pool
    state.instance[target].wasted_bytes += moved_bytes
    had_effect = not state.transfer[load].void
    if had_effect:
        state.instance[target].prefetches_interrupted += 1
        _withdraw(state, load)
    state.transfer[x].done = 1
    end_part_of_load(state, x)
    return had_effect


@compiled
def _has_begun(state, load):
    """Whether a part of a load is on its link, or was."""
    x = load
    while x != NONE:
        if state.transfer[x].done or state.link[state.transfer[x].link].current == x:
            return True
        x = state.transfer[x].sibling
    return False


@compiled
def cancel_ahead(state, i):
    """Give up the loads ahead of use to instance `i` of which nothing has begun; whether there were any."""
    load, found = state.instance[i].load_head, False
    while load != NONE:
        following = state.transfer[load].next_load
        if state.transfer[load].urgency == AHEAD and not _has_begun(state, load):
            state.instance[i].prefetches_cancelled += 1
            _withdraw(state, load)
            found = True
        load = following
    return found
