"""What happens when a transfer ends, and when an instance fails."""

from agentsim_env.engine.batch.runs import cut, synchronise, wake
from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.loads.giving_way import cancel_ahead, interrupt
from agentsim_env.engine.loads.loads import end_part_of_load, lose_load
from agentsim_env.engine.residency.kv_time import charge
from agentsim_env.engine.tiers.links import free_transfer, take_current, take_stopped
from agentsim_env.engine.tiers.prefetch_subjects import ask_ahead
from agentsim_env.engine.tiers.stores import end_copy, lose_copy


@compiled
def _touch(state, pool):
    """Bring a pool that is about to change up to now, if it is the HBM of an instance."""
    if pool < len(state.instance):
        synchronise(state, pool)
        charge(state, pool)


@compiled
def _look_again(state, pool):
    """Something in a pool has changed: the instance that it belongs to, if it does, looks at its queue."""
    if pool < len(state.instance) and state.instance[pool].n_waiting > 0:
        wake(state, pool)


@compiled
def _give_way(state, k):
    """What is on link `k` gives way to what a turn waits for, and its instance is asked what to bring up now."""
    x = state.link[k].current
    target = state.transfer[x].target_pool
    moved_bytes = take_stopped(state, k)
    if moved_bytes >= 0.0 and interrupt(state, x, moved_bytes):
        ask_ahead(state, target)
        _look_again(state, target)


@component(NOTHING)
def renew(state):
    """The distances of those who act have changed: what has not begun for them is asked for again."""
    for i in range(len(state.instance)):
        if state.instance[i].acting_head != NONE:
            _touch(state, i)
            if cancel_ahead(state, i):
                _look_again(state, i)


@component(NOTHING, NUMBER)
def transfer_end(state, k):
    """What was on link `k` has arrived, or gives way; the instance looks at its queue again."""
    x = state.link[k].current
    source, target = state.transfer[x].source_pool, state.transfer[x].target_pool
    _touch(state, source)
    _touch(state, target)
    if state.link[k].stops_after != NONE:
        _give_way(state, k)
        return
    take_current(state, k)
    if target < len(state.instance) and state.link[k].current == NONE:
        ask_ahead(state, target)
    if target < len(state.instance):
        void = state.transfer[x].void
        if end_part_of_load(state, x):
            cut(state, target)  # a running prefill may find something
            _look_again(state, target)
        if not void:
            _look_again(state, source)
        return
    end_copy(state, x)
    if not state.transfer[x].void and not state.transfer[x].staged:
        _look_again(state, source)
    free_transfer(state, x)


@compiled
def _lose_load(state, x, i):
    """Instance `i` fails, which a load goes to or comes from: the one at the other end looks at its queue."""
    x = state.transfer[x].leader
    load, target = x, state.transfer[x].target_pool
    while x != NONE:
        _touch(state, state.transfer[x].source_pool)
        x = state.transfer[x].sibling
    _touch(state, target)
    lose_load(state, load)
    x = load
    while x != NONE:
        if state.transfer[x].source_pool != i:
            _look_again(state, state.transfer[x].source_pool)
        x = state.transfer[x].sibling
    if target != i:
        _look_again(state, target)


@compiled
def _lose(state, x, i):
    """Instance `i` fails: the transfer, if it goes to it or comes from it, has no effect any more."""
    transfer = state.transfer[x]
    if transfer.void or (transfer.source_pool != i and transfer.target_pool != i):
        return
    if transfer.target_pool < len(state.instance):
        _lose_load(state, x, i)
    else:
        lose_copy(state, x)


@component(NOTHING, NUMBER)
def lose_transfers(state, i):
    """Instance `i` fails: what goes to it or comes from it has no effect any more, but stays on its link."""
    for k in range(len(state.link)):
        link = state.link[k]
        if link.current != NONE:
            _lose(state, link.current, i)
        x = link.queue_head
        while x != NONE:
            _lose(state, x, i)
            x = state.transfer[x].next
