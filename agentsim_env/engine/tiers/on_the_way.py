"""Loads on their way to an instance, in the order in which they set out, and the waiting turns that each keeps waiting.

What is on its way is not sent for again: whoever lacks it, too, waits for it.
"""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE


@compiled
def end_of_load(state, load):
    """Blocks of its path that HBM has when a load has ended."""
    x = load
    while state.transfer[x].sibling != NONE:
        x = state.transfer[x].sibling
    return state.transfer[x].blocks


@compiled
def _count(state, load, sign):
    """Add a load to the counts of the segments on its path down to what it brings, or with sign -1 take it out."""
    end, segment = end_of_load(state, load), state.transfer[load].leaf
    while segment != NONE:
        if state.segment[segment].start_block < end:
            state.incoming[segment] += sign
        segment = state.segment[segment].parent


@compiled
def list_load(state, load):
    """A load sets out for its instance."""
    _count(state, load, 1)
    instance = state.instance[state.transfer[load].target_pool]
    last = instance.load_head
    if last == NONE:
        instance.load_head = load
        return
    while state.transfer[last].next_load != NONE:
        last = state.transfer[last].next_load
    state.transfer[last].next_load = load


@compiled
def unlist_load(state, load):
    """A load has arrived or is lost: nobody waits for it any more."""
    _count(state, load, -1)
    instance = state.instance[state.transfer[load].target_pool]
    if instance.load_head == load:
        instance.load_head = state.transfer[load].next_load
    else:
        before = instance.load_head
        while state.transfer[before].next_load != load:
            before = state.transfer[before].next_load
        state.transfer[before].next_load = state.transfer[load].next_load
    s = state.transfer[load].waiter
    while s != NONE:
        state.slot[s].transfer = NONE
        s = state.slot[s].next_waiter


@compiled
def wait_for(state, s, load):
    """A waiting turn is passed over until a load has arrived."""
    state.slot[s].transfer = load
    state.slot[s].next_waiter = state.transfer[load].waiter
    state.transfer[load].waiter = s


@compiled
def stop_waiting(state, s):
    """A turn leaves its queue: a load that is for another one goes on without it."""
    load = state.slot[s].transfer
    state.slot[s].transfer = NONE
    following = state.slot[s].next_waiter
    if state.transfer[load].waiter == s:
        state.transfer[load].waiter = following
        return
    before = state.transfer[load].waiter
    while state.slot[before].next_waiter != s:
        before = state.slot[before].next_waiter
    state.slot[before].next_waiter = following


@compiled
def _common_blocks(state, a, b):
    """Blocks that the paths to two leaves have in common."""
    while a != b and a != NONE and b != NONE:
        if state.segment[a].start_block < state.segment[b].start_block:
            b = state.segment[b].parent
        else:
            a = state.segment[a].parent
    return state.segment[a].start_block + state.segment[a].n_blocks if a == b and a != NONE else 0


@compiled
def _is_incoming(state, leaf, match):
    """Whether any load goes down to the segment of a path in which the block behind `match` lies."""
    segment = leaf
    while segment != NONE and state.segment[segment].start_block > match:
        segment = state.segment[segment].parent
    return segment != NONE and state.incoming[segment] > 0


@compiled
def load_that_brings(state, i, leaf, match, most):
    """The first load on its way to instance `i` that adds to `match` blocks of a path, up to `most`; NONE for none."""
    if not _is_incoming(state, leaf, match):
        return NONE
    load = state.instance[i].load_head
    while load != NONE:
        end = min(end_of_load(state, load), most)
        if end > match and min(end, _common_blocks(state, leaf, state.transfer[load].leaf)) > match:
            return load
        load = state.transfer[load].next_load
    return NONE
