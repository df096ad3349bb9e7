"""What happens when a transfer ends, and when the instance of a transfer fails."""

from agentsim_env.engine.batching import synchronise, wake
from agentsim_env.engine.component import NOTHING, NUMBER, component
from agentsim_env.engine.jit import compiled
from agentsim_env.engine.links import free_transfer, take_current
from agentsim_env.engine.residency import unlock
from agentsim_env.engine.state import NONE
from agentsim_env.engine.tiers import end_load, end_store


@component(NOTHING, NUMBER)
def transfer_end(state, k):
    """What was on link `k` has arrived; the instance looks at its queue again."""
    i = state.transfer[state.link[k].current].instance
    synchronise(state, i)
    x = take_current(state, k)
    transfer = state.transfer[x]
    if not transfer.void:
        if transfer.slot == NONE:
            end_store(state, x)
        else:
            end_load(state, x)
        if state.instance[i].n_waiting > 0:
            wake(state, i)
    free_transfer(state, x)


@compiled
def _lose(state, x):
    transfer = state.transfer[x]
    if transfer.void:
        return
    transfer.void = 1
    unlock(state, transfer.source)
    if transfer.slot != NONE:
        unlock(state, transfer.held)
        state.pool[transfer.instance].used -= transfer.missing
        state.slot[transfer.slot].transfer = NONE


@component(NOTHING, NUMBER)
def lose_transfers(state, i):
    """Instance `i` fails: what goes to it or comes from it has no effect any more, but stays on its link."""
    for k in range(state.instance[i].link, state.instance[i].link + 2):
        link = state.link[k]
        if link.current != NONE:
            _lose(state, link.current)
        x = link.queue_head
        while x != NONE:
            _lose(state, x)
            x = state.transfer[x].next
