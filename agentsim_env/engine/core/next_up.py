"""What happens next reads rows that have left the cache where there are many: they are asked for an event ahead.

Of what comes after that the rows are asked for that say which others are read. Where there are few instances, or few
events, all of it is near anyway.
"""

import numpy as np

from agentsim_env.engine.core import events
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.near import near
from agentsim_env.engine.core.state import INSTANCE, LINE_BYTES, NONE, PROGRAM_RUN, SLOT

_FEW_INSTANCES, _FEW_EVENTS = 12, 48
_INSTANCE_LINES = (INSTANCE.fields or {})["evicted_blocks"][1] // LINE_BYTES + 1
"""Up to what every run adds to."""

_PROGRAM_LINES = PROGRAM_RUN.itemsize // LINE_BYTES + 1
_SLOT_LINES = SLOT.itemsize // LINE_BYTES


@compiled
def bring_near(state, kind):
    """Ask for what the event after the one of this kind, which is being handled, will read."""
    world = state.world[0]
    if world.n_due > _FEW_INSTANCES:
        _runs(state, 1 if kind == events.ITERATION_END else 0)
    if world.n_events > _FEW_EVENTS:
        _events(state, 0 if kind == events.ITERATION_END else 1)


@compiled
def bring_instance_near(state, i):
    """Ask for what is read of an instance that somebody turns to."""
    if len(state.instance) > _FEW_INSTANCES:
        _instance(state, i)


@compiled
def _instance(state, i):
    near(state.instance, i, _INSTANCE_LINES)
    near(state.pool, i, 1)
    near(state.residue, i, 1)
    near(state.finish, i, 1)


@compiled
def _runs(state, over):
    """The run that ends next, without the first if that is over, and the two behind it."""
    first = 0
    if over:
        a, b = state.due[1], state.due[2]
        first = 1 if a.time_s < b.time_s or (a.time_s == b.time_s and a.instance < b.instance) else 2
        _instance(state, state.due[3 - first].instance)
        _instance(state, state.due[2 * first + 1].instance)
        _instance(state, state.due[2 * first + 2].instance)
    else:
        _instance(state, state.due[1].instance)
        _instance(state, state.due[2].instance)
    _turn_of_run(state, state.due[first].instance)


@compiled
def _turn_of_run(state, i):
    """The turn that ends, or has its prefill end, with the run of instance `i`, what it is part of, and its tool."""
    s = np.int64(state.instance[i].prefill_head)
    if s == NONE and state.instance[i].n_decode > 0:
        s = state.finish[i, 0].slot
    if s != NONE:
        near(state.slot, s, _SLOT_LINES)
        slot = state.slot[s]
        turn = state.turn[slot.turn]
        near(state.turn_run, slot.turn, 1)
        near(state.program_run, slot.program, _PROGRAM_LINES)
        near(state.edge, turn.first_edge, 1)
        near(state.segment, turn.segment, 1)
        if slot.locked != NONE:
            near(state.resident, slot.locked, 1)


@compiled
def _events(state, over):
    """The event that comes next, without the first if that is over, and what will be on top of the heap then."""
    first = 0
    if over:
        a, b = state.event[1], state.event[2]
        first = 1 if a.time_s < b.time_s or (a.time_s == b.time_s and a.key < b.key) else 2
        _subject(state, state.event[3 - first].key)
        _subject(state, state.event[2 * first + 1].key)
        _subject(state, state.event[2 * first + 2].key)
    _turn_of(state, state.event[first].key)


@compiled
def _subject(state, key):
    """The row that an event is about."""
    if key >> 32 == events.EDGE_DONE:
        near(state.edge, key & 0xFFFFFFFF, 1)
    elif key >> 32 == events.TURN_READY:
        near(state.turn, key & 0xFFFFFFFF, 1)


@compiled
def _turn_of(state, key):
    """The rows of the turn, and of the program, that an event is about."""
    if key >> 32 == events.EDGE_DONE:
        t = state.edge[key & 0xFFFFFFFF].target
    elif key >> 32 == events.TURN_READY:
        t = key & 0xFFFFFFFF
    else:
        t = NONE
    if t != NONE:
        near(state.turn_run, t, 1)
        near(state.program_run, state.turn[t].program, _PROGRAM_LINES)
        near(state.segment, state.turn[t].segment, 1)
