"""Links between tiers: each moves one transfer at a time, the others wait in its queue, first in first out."""

from agentsim_env.engine import events
from agentsim_env.engine.jit import compiled
from agentsim_env.engine.state import NONE


@compiled
def new_transfer(state, i, link, leaf, blocks):
    """A record for a copy of the first `blocks` blocks of a path, over a link of instance `i`."""
    world = state.world[0]
    x = world.free_transfer
    if x == NONE:
        x = world.n_transfers
        world.n_transfers += 1
    else:
        world.free_transfer = state.transfer[x].next
    transfer = state.transfer[x]
    transfer.sequence = world.transfers
    world.transfers += 1
    transfer.instance = i
    transfer.link = link
    transfer.leaf = leaf
    transfer.blocks = blocks
    transfer.missing = 0
    transfer.source = NONE
    transfer.held = NONE
    transfer.slot = NONE
    transfer.next = NONE
    transfer.void = 0
    return x


@compiled
def free_transfer(state, x):
    """Give a transfer record back."""
    world = state.world[0]
    state.transfer[x].instance = NONE
    state.transfer[x].next = world.free_transfer
    world.free_transfer = x


@compiled
def enqueue(state, x):
    """Put a transfer at the tail of the queue of its link; an idle link begins at once."""
    transfer = state.transfer[x]
    link = state.link[transfer.link]
    if link.current == NONE:
        begin(state, x)
        return
    if link.queue_tail == NONE:
        link.queue_head = x
    else:
        state.transfer[link.queue_tail].next = x
    link.queue_tail = x


@compiled
def begin(state, x):
    """A transfer takes its link: latency plus bytes over bandwidth."""
    transfer = state.transfer[x]
    link = state.link[transfer.link]
    now_s = state.world[0].now_s
    n_bytes = transfer.missing * state.instance[transfer.instance].block_bytes
    transfer.begun_s = now_s
    link.current = x
    events.push(state, now_s + (link.latency_s + n_bytes / link.bytes_per_s), events.TRANSFER_END, transfer.link)


@compiled
def take_current(state, k):
    """The transfer on link `k` has ended; the next in the queue begins. Returns the one that ended."""
    link = state.link[k]
    x = link.current
    transfer = state.transfer[x]
    link.busy_s += state.world[0].now_s - transfer.begun_s
    link.bytes += transfer.missing * state.instance[transfer.instance].block_bytes
    link.current = NONE
    following = link.queue_head
    if following != NONE:
        link.queue_head = state.transfer[following].next
        if link.queue_head == NONE:
            link.queue_tail = NONE
        state.transfer[following].next = NONE
        begin(state, following)
    return x
