"""Links between pools: each moves one transfer at a time, the others wait in its queue."""

from agentsim_env.engine.core import events
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import BEHIND, DEMAND, FIFO, NONE, PRIORITY


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
    transfer.payer = NONE
    transfer.leader = x
    transfer.left = 1
    transfer.urgency = BEHIND
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
    if link.queue == PRIORITY and before != NONE and state.transfer[before].urgency > transfer.urgency:
        before = _last_as_urgent(state, link.queue_head, transfer.urgency)
    _insert(state, transfer.link, before, x)


@compiled
def _last_as_urgent(state, head, urgency):
    """The last transfer of a queue in order that is at least so urgent, or NONE."""
    last = NONE
    x = head
    while x != NONE and state.transfer[x].urgency <= urgency:
        last = x
        x = state.transfer[x].next
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
def hasten(state, x):
    """A transfer is wanted now: it goes before less urgent ones, if it still waits for its link."""
    transfer = state.transfer[x]
    link = state.link[transfer.link]
    if transfer.urgency == DEMAND:
        return
    transfer.urgency = DEMAND
    if link.queue == FIFO or link.current == x:
        return
    before, at = NONE, link.queue_head
    while at != NONE and at != x:
        before, at = at, state.transfer[at].next
    if at == NONE:
        return
    if before == NONE:
        link.queue_head = transfer.next
    else:
        state.transfer[before].next = transfer.next
    if link.queue_tail == x:
        link.queue_tail = before
    transfer.next = NONE
    enqueue(state, x)


@compiled
def transfer_s(state, x):
    """Time of a transfer on its link: latency plus bytes over bandwidth."""
    link = state.link[state.transfer[x].link]
    return link.latency_s + state.transfer[x].missing * link.block_bytes / link.bytes_per_s


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
    link.bytes += transfer.missing * link.block_bytes


@compiled
def take_current(state, k):
    """The transfer on link `k` has ended; the next in the queue begins. Returns the one that ended."""
    link = state.link[k]
    x = link.current
    transfer = state.transfer[x]
    link.busy_s += state.world[0].now_s - transfer.begun_s
    link.bytes += transfer.missing * link.block_bytes
    link.current = NONE
    following = link.queue_head
    if following != NONE:
        link.queue_head = state.transfer[following].next
        if link.queue_head == NONE:
            link.queue_tail = NONE
        state.transfer[following].next = NONE
        begin(state, following)
    return x
