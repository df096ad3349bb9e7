"""Which record stands for a segment in a pool: a hash table with open addressing (linear probing, line by line).

A segment that all programs share has a record in every pool; a walk along its holders would make each turn on a large
cluster more expensive than on a small one. The table in use is the leading part of `state.place` and doubles when it
is half full, so that it stays in the cache while little is resident.

An entry is `mark << 32 | record + 1`, and 0 where there is none. The mark tells nearly all pairs apart, so that records
are looked at that are meant and hardly any others. Segments that follow one another lie side by side, those of a
context mostly in one or two cache lines; one whose place is taken stands in a line behind it.
"""

import numpy as np

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE

FIRST_PLACES = 64
"""Entries of the table at first."""

_MARK_BITS, _ENTRY_BITS = 31, 32

_LINE = 3
"""The logarithm of how many entries there are in a cache line."""

_STEP = (1 << _LINE) + 1
"""From a place that is taken to the next that is tried: the same of the next line, and one more, so that none is left
out."""

_STEPS = np.int64(pow(_STEP, -1, 2**_MARK_BITS))
"""Makes of a distance the number of steps: 1 / step, modulo any power of two."""


# Odd numbers that spread consecutive lines and pools (golden ratio, Knuth 6.4; murmur3).
_SEGMENTS = np.int64(0x9E3779B1)
_POOL = np.int64(0x85EBCA6B)


@compiled
def _mark(segment, pool):
    """What stands in an entry for a pair; its lowest bits say where the search for it begins."""
    mixed = (np.int64(segment) >> _LINE) * _SEGMENTS + np.int64(pool) * _POOL
    mixed ^= mixed >> 15
    return ((mixed << _LINE) | (np.int64(segment) & ((1 << _LINE) - 1))) & ((1 << _MARK_BITS) - 1)


@compiled
def _record(entry):
    return (entry & ((1 << _ENTRY_BITS) - 1)) - 1


@compiled
def find(state, segment, pool):
    """Record of a segment in a pool, or NONE."""
    last = state.world[0].n_places - 1
    mark = _mark(segment, pool)
    at = mark & last
    entry = state.place[at]
    while entry != 0:
        if entry >> _ENTRY_BITS == mark:
            r = _record(entry)
            if state.resident[r].segment == segment and state.resident[r].pool == pool:
                return r
        at = (at + _STEP) & last
        entry = state.place[at]
    return np.int64(NONE)


@compiled
def _put(state, r):
    last = state.world[0].n_places - 1
    mark = _mark(state.resident[r].segment, state.resident[r].pool)
    at = mark & last
    while state.place[at] != 0:
        at = (at + _STEP) & last
    state.place[at] = mark << _ENTRY_BITS | (r + 1)


@compiled
def _double(state):
    """Twice the table, with the records that are in use."""
    world = state.world[0]
    state.place[: world.n_places] = 0
    world.n_places *= 2
    for r in range(world.n_residents):
        if state.resident[r].pool != NONE:
            _put(state, r)


@compiled
def enter(state, r):
    """Make a new record known."""
    world = state.world[0]
    _put(state, r)
    world.n_entered += 1
    if 2 * world.n_entered > world.n_places:
        _double(state)


@compiled
def strike(state, r):
    """Forget a record that still has its pool; others close the gap in the chain (Knuth 6.4, algorithm R)."""
    world = state.world[0]
    last = world.n_places - 1
    at = _mark(state.resident[r].segment, state.resident[r].pool) & last
    while _record(state.place[at]) != r:
        at = (at + _STEP) & last
    hole = at
    while True:
        at = (at + _STEP) & last
        entry = state.place[at]
        if entry == 0:
            break
        if ((at - (entry >> _ENTRY_BITS)) * _STEPS) & last >= ((at - hole) * _STEPS) & last:
            state.place[hole] = entry
            hole = at
    state.place[hole] = 0
    world.n_entered -= 1
