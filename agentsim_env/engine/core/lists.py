"""Lists of live turns and the free list of slots.

A live turn stands in one list at a time (to be routed, parked, waiting or running); `next` and `previous` of its slot
link it.
"""

import numpy as np

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE, READY


@compiled
def new_slot(state, turn):
    """A slot for a turn that has become ready."""
    world = state.world[0]
    s = world.free_slot
    if s == NONE:
        s = world.n_slots
        world.n_slots += 1
    else:
        world.free_slot = state.slot[s].next
    slot = state.slot[s]
    slot.turn = turn
    slot.program = state.turn[turn].program
    slot.instance = NONE
    slot.state = READY
    slot.next = NONE
    slot.previous = NONE
    slot.target = state.turn[turn].prompt_tokens
    slot.computed = 0
    slot.chunk = 0
    slot.ahead = 0
    slot.expected = 0
    slot.demand = 0
    slot.owned = 0
    slot.generated = 0
    slot.locked = NONE
    slot.kept = NONE
    slot.handed = 0
    slot.heap_at = NONE
    slot.transfer = NONE
    slot.lacked_adapter = 0
    return s


@compiled
def free_slot(state, s):
    """Give a slot back."""
    world = state.world[0]
    state.slot[s].turn = NONE
    state.slot[s].next = world.free_slot
    world.free_slot = s


@compiled
def _unlink(state, s):
    """Join the neighbours of a slot; returns (previous, next) so that the owner can mend its ends."""
    slot = state.slot[s]
    before, after = slot.previous, slot.next
    if before != NONE:
        state.slot[before].next = after
    if after != NONE:
        state.slot[after].previous = before
    slot.next = NONE
    slot.previous = NONE
    return before, after


@compiled
def _count_waiting(state, i, s, sign):
    """Add a turn to the sums over the waiting queue of instance `i`, or with sign -1 take it out of them."""
    instance = state.instance[i]
    slot = state.slot[s]
    instance.queued_tokens += sign * slot.target
    instance.expected_tokens += sign * slot.expected
    instance.expected_pairs += sign * slot.expected * (2 * np.int64(slot.target) - slot.expected)
    instance.demand_blocks += sign * slot.demand


@compiled
def join_waiting(state, i, s):
    """Put a slot at the tail of the waiting queue of instance `i`."""
    instance = state.instance[i]
    slot = state.slot[s]
    slot.next = NONE
    slot.previous = instance.waiting_tail
    if instance.waiting_tail == NONE:
        instance.waiting_head = s
    else:
        state.slot[instance.waiting_tail].next = s
    instance.waiting_tail = s
    instance.n_waiting += 1
    state.present[i] += 1
    _count_waiting(state, i, s, 1)


@compiled
def join_waiting_front(state, i, s):
    """Put a preempted slot at the head of the waiting queue of instance `i`."""
    instance = state.instance[i]
    slot = state.slot[s]
    slot.previous = NONE
    slot.next = instance.waiting_head
    if instance.waiting_head == NONE:
        instance.waiting_tail = s
    else:
        state.slot[instance.waiting_head].previous = s
    instance.waiting_head = s
    instance.n_waiting += 1
    state.present[i] += 1
    _count_waiting(state, i, s, 1)


@compiled
def leave_waiting(state, i, s):
    """Take a slot out of the waiting queue of instance `i`."""
    instance = state.instance[i]
    before, after = _unlink(state, s)
    if before == NONE:
        instance.waiting_head = after
    if after == NONE:
        instance.waiting_tail = before
    instance.n_waiting -= 1
    state.present[i] -= 1
    _count_waiting(state, i, s, -1)
    if instance.n_waiting == 0:
        instance.unqueued_since_s = state.world[0].now_s


@compiled
def join_running(state, i, s):
    """Put a slot at the tail of the running list of instance `i` (which is in order of admission)."""
    instance = state.instance[i]
    slot = state.slot[s]
    slot.next = NONE
    slot.previous = instance.running_tail
    if instance.running_tail == NONE:
        instance.running_head = s
    else:
        state.slot[instance.running_tail].next = s
    instance.running_tail = s
    instance.n_running += 1
    state.present[i] += 1


@compiled
def leave_running(state, i, s):
    """Take a slot out of the running list of instance `i`."""
    instance = state.instance[i]
    before, after = _unlink(state, s)
    if before == NONE:
        instance.running_head = after
    if after == NONE:
        instance.running_tail = before
    instance.n_running -= 1
    state.present[i] -= 1


@compiled
def join_prefills(state, i, s):
    """Put a slot at the tail of the prefill list of instance `i`."""
    instance = state.instance[i]
    state.slot[s].prefill_next = NONE
    if instance.prefill_tail == NONE:
        instance.prefill_head = s
    else:
        state.slot[instance.prefill_tail].prefill_next = s
    instance.prefill_tail = s


@compiled
def leave_prefills(state, i, s):
    """Take a slot out of the prefill list of instance `i`, which is short."""
    instance = state.instance[i]
    before = NONE
    at = instance.prefill_head
    while at != s:
        before = at
        at = state.slot[at].prefill_next
    after = state.slot[s].prefill_next
    if before == NONE:
        instance.prefill_head = after
    else:
        state.slot[before].prefill_next = after
    if instance.prefill_tail == s:
        instance.prefill_tail = before


@compiled
def join_to_route(state, s):
    """Put a slot at the tail of the turns to be routed."""
    world = state.world[0]
    state.slot[s].next = NONE
    if world.route_tail == NONE:
        world.route_head = s
    else:
        state.slot[world.route_tail].next = s
    world.route_tail = s


@compiled
def leave_to_route(state):
    """Take the first turn to be routed."""
    world = state.world[0]
    s = world.route_head
    world.route_head = state.slot[s].next
    if world.route_head == NONE:
        world.route_tail = NONE
    state.slot[s].next = NONE
    return s


@compiled
def park(state, s):
    """Keep a turn that no instance can take now."""
    world = state.world[0]
    state.slot[s].next = NONE
    if world.parked_tail == NONE:
        world.parked_head = s
    else:
        state.slot[world.parked_tail].next = s
    world.parked_tail = s


@compiled
def join_paused(state, s):
    """Keep a turn of a paused program at the gateway."""
    world = state.world[0]
    state.slot[s].next = NONE
    if world.paused_tail == NONE:
        world.paused_head = s
    else:
        state.slot[world.paused_tail].next = s
    world.paused_tail = s


@compiled
def release_paused(state, p):
    """The turns of program `p` that were kept there are to be routed, in order."""
    world = state.world[0]
    s = world.paused_head
    world.paused_head = NONE
    world.paused_tail = NONE
    while s != NONE:
        after = state.slot[s].next
        if state.slot[s].program == p:
            join_to_route(state, s)
        else:
            join_paused(state, s)
        s = after


@compiled
def unpark_all(state):
    """All parked turns are to be routed again, in order."""
    world = state.world[0]
    if world.parked_head == NONE:
        return
    if world.route_tail == NONE:
        world.route_head = world.parked_head
    else:
        state.slot[world.route_tail].next = world.parked_head
    world.route_tail = world.parked_tail
    world.parked_head = NONE
    world.parked_tail = NONE


@compiled
def join_arrived(state, p):
    """Program `p` is to be asked about."""
    world = state.world[0]
    state.program_run[p].next_held = NONE
    if world.arrived_tail == NONE:
        world.arrived_head = p
    else:
        state.program_run[world.arrived_tail].next_held = p
    world.arrived_tail = p


@compiled
def leave_arrived(state):
    """The first of them has been asked about."""
    world = state.world[0]
    world.arrived_head = state.program_run[world.arrived_head].next_held
    if world.arrived_head == NONE:
        world.arrived_tail = NONE


@compiled
def join_held(state, p):
    """Program `p` is held behind those that are held already."""
    world = state.world[0]
    state.program_run[p].next_held = NONE
    if world.held_tail == NONE:
        world.held_head = p
    else:
        state.program_run[world.held_tail].next_held = p
    world.held_tail = p
    world.n_held += 1


@compiled
def leave_held(state):
    """The first held program is held no longer."""
    world = state.world[0]
    world.held_head = state.program_run[world.held_head].next_held
    if world.held_head == NONE:
        world.held_tail = NONE
    world.n_held -= 1


@compiled
def join_to_plan(state, i):
    """Instance `i` is to form an iteration before the clock goes on."""
    world = state.world[0]
    instance = state.instance[i]
    if instance.to_plan:
        return
    instance.to_plan = 1
    instance.next_to_plan = NONE
    if world.plan_tail == NONE:
        world.plan_head = i
    else:
        state.instance[world.plan_tail].next_to_plan = i
    world.plan_tail = i


@compiled
def leave_to_plan(state):
    """The first instance of that list has formed its iteration."""
    world = state.world[0]
    instance = state.instance[world.plan_head]
    instance.to_plan = 0
    world.plan_head = instance.next_to_plan
    if world.plan_head == NONE:
        world.plan_tail = NONE


@compiled
def _ready_from(state, s):
    while s != NONE and (state.slot[s].transfer != NONE or state.slot[s].passed_over):
        s = state.slot[s].next
    return s


@compiled
def first_ready(state, i):
    """The first waiting turn of instance `i` whose prefix is not on its way up and that is not passed over, or NONE."""
    return _ready_from(state, state.instance[i].waiting_head)


@compiled
def next_ready(state, s):
    """The next such turn behind `s`, or NONE."""
    return _ready_from(state, state.slot[s].next)
