"""The clock: a heap of events by (time, kind, id), and a heap of the instances with an iteration in flight.

Instances have a heap of their own because a run that is cut ends earlier than announced: its entry is moved, and no
event is left behind that means nothing any more.
"""

import numpy as np

from agentsim_env.engine.core.component import NOTHING, NUMBER, SECONDS, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE

(
    INSTANCE_DOWN,
    INSTANCE_UP,
    PROGRAM_ARRIVAL,
    TOOL_END,
    TOOL_RETRY,
    EDGE_DONE,
    STEP_BEGIN,
    TURN_READY,
    CONTROL_TICK,
    TRANSFER_END,
    PIN_EXPIRY,
    PREFILL_END,
    ITERATION_END,
) = range(13)

VIEW_TICK, STEAL_TICK, ADMISSION_TICK, PREFETCH_TICK, RETAIN_TICK, BUDGET_TICK = range(6)  # ids of CONTROL_TICK


@component(NOTHING, SECONDS, NUMBER, NUMBER)
def push(state, time_s, kind, number):
    """Schedule an event of `kind` for object `number`."""
    heap = state.event
    world = state.world[0]
    key = (np.int64(kind) << 32) | np.int64(number)
    at = world.n_events
    world.n_events += 1
    while at > 0:
        parent = (at - 1) >> 1
        p = heap[parent]
        if p.time_s < time_s or (p.time_s == time_s and p.key <= key):
            break
        heap[at].time_s, heap[at].key = p.time_s, p.key
        at = parent
    heap[at].time_s, heap[at].key = time_s, key


@compiled
def arm_budgets(state):
    """An instance with two lanes has work: a tick is due at which budgets are set, if anybody sets any."""
    world = state.world[0]
    if world.sets_budgets and not world.budgets_armed:
        world.budgets_armed = 1
        push(state, world.now_s + world.budget_period_s, CONTROL_TICK, BUDGET_TICK)


@compiled
def more_to_come(state):
    """Whether anything is left to happen besides control ticks, of which there are a handful at most."""
    world = state.world[0]
    if world.plan_head != NONE or world.route_head != NONE or world.n_due > 0:
        return True
    if world.next_program < len(state.program):
        return True
    at = 0
    while at < world.n_events and state.event[at].key >> 32 == CONTROL_TICK:
        at += 1
    return at < world.n_events


@compiled
def _fill(state, at, time_s, key):
    """Put an event into the heap from place `at` down, which is empty."""
    heap, n = state.event, state.world[0].n_events
    child = 2 * at + 1
    while child < n:
        c = heap[child]
        if child + 1 < n:
            d = heap[child + 1]
            if d.time_s < c.time_s or (d.time_s == c.time_s and d.key < c.key):
                child += 1
                c = d
        if time_s < c.time_s or (time_s == c.time_s and key <= c.key):
            break
        heap[at].time_s, heap[at].key = c.time_s, c.key
        at = child
        child = 2 * at + 1
    heap[at].time_s, heap[at].key = time_s, key


@compiled
def pop(state):
    """Remove the first event; returns (kind, id)."""
    first = state.event[0].key
    world = state.world[0]
    world.n_events -= 1
    last = state.event[world.n_events]
    _fill(state, 0, last.time_s, last.key)
    return first >> 32, first & 0xFFFFFFFF


@component(NOTHING, NUMBER, NUMBER)
def withdraw(state, kind, number):
    """Remove an event that is there, wherever in the heap: it will not happen. Takes as long as there are events."""
    heap = state.event
    key = (np.int64(kind) << 32) | np.int64(number)
    at = 0
    while heap[at].key != key:
        at += 1
    while at > 0:
        heap[at].time_s, heap[at].key = heap[(at - 1) >> 1].time_s, heap[(at - 1) >> 1].key
        at = (at - 1) >> 1
    heap[0].key = key
    pop(state)


@compiled
def _place(state, at, i, time_s):
    state.due[at].time_s, state.due[at].instance = time_s, i
    state.due_at[i] = at


@compiled
def _sift_up(state, at, i, time_s):
    while at > 0:
        above = state.due[(at - 1) >> 1]
        if above.time_s < time_s or (above.time_s == time_s and above.instance < i):
            break
        _place(state, at, above.instance, above.time_s)
        at = (at - 1) >> 1
    _place(state, at, i, time_s)


@compiled
def _sift_down(state, at, i, time_s):
    n = state.world[0].n_due
    child = 2 * at + 1
    while child < n:
        below = state.due[child]
        if child + 1 < n:
            other = state.due[child + 1]
            if other.time_s < below.time_s or (other.time_s == below.time_s and other.instance < below.instance):
                child += 1
                below = other
        if time_s < below.time_s or (time_s == below.time_s and i < below.instance):
            break
        _place(state, at, below.instance, below.time_s)
        at = child
        child = 2 * at + 1
    _place(state, at, i, time_s)


@component(NOTHING, NUMBER, SECONDS)
def set_due(state, i, time_s):
    """The run of instance `i` ends at `time_s`; replaces an earlier announcement."""
    at = state.due_at[i]
    if at == NONE:
        state.world[0].n_due += 1
        _sift_up(state, state.world[0].n_due - 1, i, time_s)
    elif time_s > state.due[at].time_s:
        _sift_down(state, at, i, time_s)
    else:
        _sift_up(state, at, i, time_s)


@component(NOTHING, NUMBER)
def clear_due(state, i):
    """Instance `i` has no iteration in flight any more."""
    at = state.due_at[i]
    if at == NONE:
        return
    state.due_at[i] = NONE
    state.world[0].n_due -= 1
    last = state.due[state.world[0].n_due]
    if last.instance == i:
        return
    if last.time_s < state.due[at].time_s or (last.time_s == state.due[at].time_s and last.instance < i):
        _sift_up(state, at, last.instance, last.time_s)
    else:
        _sift_down(state, at, last.instance, last.time_s)
