"""What the step of an episode is about to read, brought near while those before it are made.

Each state has left the cache when its turn comes. Two episodes ahead what every step reads is asked for, one episode
ahead the rows that stand there: those of the turn that waits for its answer, and of what happens next.
"""

import numpy as np

from agentsim_env.engine.core import events
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.near import prefetch
from agentsim_env.engine.core.state import LAYOUT, LINE_BYTES, NONE, State

_NUMBER = {name: number for number, name in enumerate(LAYOUT)}
_FEW_LINES = {"event": 8, "slot": 36, "gap": 6, "place": 16}
"""Of arrays of which a step reads the beginning: the heap, and the rows that were given out first."""

_MOST_LINES = 96
"""Of any array: more would not stay until they are read."""

_ALWAYS = (
    "world",
    "instance",
    "pool",
    "due",
    "due_at",
    "present",
    "event",
    "slot",
    "gap",
    "score",
    "lanes",
    "place",
    "holder",
    "residue",
)

_NEXT_EVENTS, _NEXT_ENDS = 3, 4

_TURN, _TURN_RUN, _EDGE = _NUMBER["turn"], _NUMBER["turn_run"], _NUMBER["edge"]
_PROGRAM, _PROGRAM_RUN, _RESIDENT = _NUMBER["program"], _NUMBER["program_run"], _NUMBER["resident"]
_BYTES = tuple(layout.dtype.itemsize for layout in LAYOUT.values())
_LINES = tuple(-(-size // LINE_BYTES) for size in _BYTES)


def hot_lines(state: State) -> np.ndarray:
    """What every step reads: array, first byte, cache lines; `int64 [K, 3]`."""
    lines = [
        (_NUMBER[name], 0, min(_FEW_LINES.get(name, _MOST_LINES), -(-getattr(state, name).nbytes // LINE_BYTES)))
        for name in _ALWAYS
        if getattr(state, name).nbytes
    ]
    row_bytes = state.finish.strides[0]
    lines += [(_NUMBER["finish"], i * row_bytes, 1) for i in range(min(len(state.finish), _MOST_LINES))]
    return np.array(lines, np.int64)


@compiled
def touch_hot(tables, i, hot):
    """Have what every step reads of episode `i` brought near."""
    for k in range(len(hot)):
        prefetch(tables[i, 0, hot[k, 0]] + hot[k, 1], hot[k, 2])


@compiled
def touch_next(state, tables, i):
    """Have the rows brought near that the next step of episode `i` begins with."""
    world = state.world[0]
    if world.asked_slot != NONE:
        _touch_slot(state, tables, i, world.asked_slot)
    if world.next_program < len(state.program):
        _touch(tables, i, _PROGRAM, world.next_program)
        _touch(tables, i, _PROGRAM_RUN, world.next_program)
    for k in range(min(world.n_events, _NEXT_EVENTS)):
        key = state.event[k].key
        if key >> 32 == events.EDGE_DONE:
            _touch(tables, i, _EDGE, key & 0xFFFFFFFF)
        elif key >> 32 == events.TURN_READY:
            _touch(tables, i, _TURN, key & 0xFFFFFFFF)
            _touch(tables, i, _TURN_RUN, key & 0xFFFFFFFF)
    for k in range(min(world.n_due, _NEXT_ENDS)):
        instance = state.due[k].instance
        if state.instance[instance].n_decode > 0:
            _touch_slot(state, tables, i, state.finish[instance, 0].slot)


@compiled
def _touch_slot(state, tables, i, s):
    slot = state.slot[s]
    _touch(tables, i, _TURN, slot.turn)
    _touch(tables, i, _TURN_RUN, slot.turn)
    _touch(tables, i, _PROGRAM, slot.program)
    _touch(tables, i, _PROGRAM_RUN, slot.program)
    if slot.locked != NONE:
        _touch(tables, i, _RESIDENT, slot.locked)


@compiled
def _touch(tables, i, number, row):
    prefetch(tables[i, 0, number] + row * _BYTES[number], _LINES[number])
