"""Links between pools: each moves one transfer at a time, the others wait in its queue."""

import math

from agentsim_env.engine.core import events
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import AHEAD, BEHIND, DEMAND, DISTANCE, FIFO, NONE


@compiled
def can_begin(state):
    """Whether there is a record for one more transfer: many may be void and still wait on their links."""
    return state.world[0].free_transfer != NONE or state.world[0].n_transfers < len(state.transfer)


@compiled
def new_transfer(state, link, leaf, first, blocks, missing):
    """A record for a copy of the blocks `first` to `blocks` of a path over a link, which moves `missing` blocks."""
    world = state.world[0]
    x = world.free_transfer
    if x == NONE:
        x = world.n_transfers
        world.n_transfers += 1
    else:
        world.free_transfer = state.transfer[x].next
    transfer = state.transfer[x]
    transfer.link = link
    transfer.leaf = leaf
    transfer.first = first
    transfer.blocks = blocks
    transfer.missing = missing
    transfer.source = transfer.held = transfer.slot = transfer.program = transfer.sibling = transfer.next = NONE
    transfer.waiter = transfer.next_load = NONE
    transfer.reserved = 0
    transfer.payer = transfer.adapter_slot = NONE
    transfer.leader = x
    transfer.left = 1
    transfer.urgency = BEHIND
    transfer.distance = 0.0
    transfer.staged = transfer.demotes = transfer.done = transfer.void = 0
    return x


@compiled
def free_transfer(state, x):
    """Give a transfer record back."""
    world = state.world[0]
    state.transfer[x].next = world.free_transfer
    world.free_transfer = x


@compiled
def enqueue(state, x):
    """Put a transfer into the queue of its link, behind those that are not less urgent; an idle link begins at once."""
    transfer = state.transfer[x]
    link = state.link[transfer.link]
    if link.current == NONE:
        begin(state, x)
        return
    before = link.queue_tail
    if link.queue != FIFO and before != NONE and _goes_before(state, x, before):
        before = _last_as_urgent(state, link.queue_head, x)
    _insert(state, transfer.link, before, x)
    if link.layers > 0 and transfer.urgency == DEMAND:
        stop_current(state, transfer.link)


@compiled
def _goes_before(state, x, y):
    """Whether a transfer is served before another one that waits for the same link already."""
    one, other = state.transfer[x], state.transfer[y]
    if one.urgency != other.urgency:
        return one.urgency < other.urgency
    return state.link[one.link].queue == DISTANCE and one.distance < other.distance


@compiled
def _last_as_urgent(state, head, x):
    """The last transfer of a queue in order that is at least as urgent as another one, or NONE."""
    last = NONE
    y = head
    while y != NONE and not _goes_before(state, x, y):
        last = y
        y = state.transfer[y].next
    return last


@compiled
def _insert(state, k, before, x):
    """Put a transfer into the queue of link `k` behind another one, or, for NONE, at its head."""
    link = state.link[k]
    if before == NONE:
        state.transfer[x].next = link.queue_head
        link.queue_head = x
    else:
        state.transfer[x].next = state.transfer[before].next
        state.transfer[before].next = x
    if link.queue_tail == before:
        link.queue_tail = x


@compiled
def leave_queue(state, x):
    """Take a transfer out of the queue of its link; returns whether it waited there."""
    transfer = state.transfer[x]
    link = state.link[transfer.link]
    before, at = NONE, link.queue_head
    while at != NONE and at != x:
        before, at = at, state.transfer[at].next
    if at == NONE:
        return False
    if before == NONE:
        link.queue_head = transfer.next
    else:
        state.transfer[before].next = transfer.next
    if link.queue_tail == x:
        link.queue_tail = before
    transfer.next = NONE
    return True


@compiled
def hasten(state, x):
    """A transfer is wanted now: it goes before less urgent ones, if it still waits for its link."""
    transfer = state.transfer[x]
    link = state.link[transfer.link]
    if transfer.urgency == DEMAND:
        return
    transfer.urgency = DEMAND
    transfer.distance = 0.0
    if link.queue == FIFO or link.current == x:
        return
    if leave_queue(state, x):
        enqueue(state, x)


@compiled
def transfer_bytes(state, x):
    """Bytes that a transfer moves: KV, or an adapter."""
    transfer = state.transfer[x]
    if transfer.adapter_slot != NONE:
        return state.instance[transfer.target_pool].adapter_bytes
    return transfer.missing * state.link[transfer.link].block_bytes


@compiled
def transfer_s(state, x):
    """Time of a transfer on its link: latency plus bytes over bandwidth."""
    link = state.link[state.transfer[x].link]
    return link.latency_s + transfer_bytes(state, x) / link.bytes_per_s


@compiled
def begin(state, x):
    """A transfer takes its link."""
    transfer = state.transfer[x]
    now_s = state.world[0].now_s
    transfer.begun_s = now_s
    state.link[transfer.link].current = x
    events.push(state, now_s + transfer_s(state, x), events.TRANSFER_END, transfer.link)


@compiled
def charge(state, x):
    """A serialized transfer takes no time now: the next iteration of the instance that has asked for it waits."""
    transfer = state.transfer[x]
    link = state.link[transfer.link]
    state.instance[transfer.payer].owed_s += transfer_s(state, x)
    link.busy_s += transfer_s(state, x)
    link.bytes += transfer_bytes(state, x)


@compiled
def take_current(state, k):
    """The transfer on link `k` has ended; the next in the queue begins. Returns the one that ended."""
    x = state.link[k].current
    _leave(state, k, transfer_bytes(state, x))
    return x


@compiled
def _leave(state, k, moved_bytes):
    """What is on link `k` leaves it after so many bytes; the next in the queue begins."""
    link = state.link[k]
    link.busy_s += state.world[0].now_s - state.transfer[link.current].begun_s
    link.bytes += moved_bytes
    link.current = NONE
    following = link.queue_head
    if following != NONE:
        link.queue_head = state.transfer[following].next
        if link.queue_head == NONE:
            link.queue_tail = NONE
        state.transfer[following].next = NONE
        begin(state, following)


# What is brought up ahead of its use gives way to what a turn waits for, where the scenario has it so.


@compiled
def _layer_s(state, x):
    """Time that one of the layers of what a transfer moves takes."""
    link = state.link[state.transfer[x].link]
    return transfer_bytes(state, x) / link.bytes_per_s / link.layers


@compiled
def stop_current(state, k):
    """What is on link `k`, if it is ahead of its use, is to give way at the end of the layer in flight."""
    link = state.link[k]
    x = link.current
    transfer = state.transfer[x]
    layer_s = _layer_s(state, x)
    if transfer.urgency != AHEAD or link.stops_after != NONE or layer_s == 0.0:
        return
    first_s = transfer.begun_s + link.latency_s
    after = max(0, math.ceil((state.world[0].now_s - first_s) / layer_s))
    stop_s = first_s + after * layer_s
    if stop_s < transfer.begun_s + transfer_s(state, x):
        link.stops_after = after
        events.withdraw(state, events.TRANSFER_END, k)
        events.push(state, stop_s, events.TRANSFER_END, k)


@compiled
def take_stopped(state, k):
    """The time has come for what is on link `k` to give way; the next in the queue begins. Returns the bytes moved.

    If somebody has come to wait for it in the meantime it goes on, and the answer is negative.
    """
    link = state.link[k]
    x, after = link.current, link.stops_after
    link.stops_after = NONE
    transfer = state.transfer[x]
    if transfer.urgency == DEMAND:
        events.push(state, transfer.begun_s + transfer_s(state, x), events.TRANSFER_END, k)
        return -1.0
    moved_bytes = transfer_bytes(state, x) * after / link.layers
    _leave(state, k, moved_bytes)
    return moved_bytes
