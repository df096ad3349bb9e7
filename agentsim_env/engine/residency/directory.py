"""Which record stands for a segment in a pool: a hash table with open addressing (linear probing).

A segment that all programs share has a record in every pool; a walk along its holders would make each turn on a large
cluster more expensive than on a small one. The table in use is the leading part of `state.place` and doubles when it
is half full, so that it stays in the cache while little is resident. Its entries are record + 1; 0 is empty.
"""

import numpy as np

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE

FIRST_PLACES = 64
"""Entries of the table at first."""

# Odd numbers that spread consecutive segments and pools (golden ratio, Knuth 6.4; murmur3).
_SEGMENT = np.int64(0x9E3779B1)
_POOL = np.int64(0x85EBCA6B)


@compiled
def _first(state, segment, pool):
    """Where the search for a pair begins."""
    mixed = np.int64(segment) * _SEGMENT + np.int64(pool) * _POOL
    return (mixed ^ (mixed >> 15)) & (state.world[0].n_places - 1)


@compiled
def find(state, segment, pool):
    """Record of a segment in a pool, or NONE."""
    last = state.world[0].n_places - 1
    at = _first(state, segment, pool)
    r = state.place[at] - 1
    while r != NONE and (state.resident[r].segment != segment or state.resident[r].pool != pool):
        at = (at + 1) & last
        r = state.place[at] - 1
    return r


@compiled
def _put(state, r):
    last = state.world[0].n_places - 1
    at = _first(state, state.resident[r].segment, state.resident[r].pool)
    while state.place[at] != 0:
        at = (at + 1) & last
    state.place[at] = r + 1


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
    at = _first(state, state.resident[r].segment, state.resident[r].pool)
    while state.place[at] != r + 1:
        at = (at + 1) & last
    hole = at
    while True:
        at = (at + 1) & last
        other = state.place[at] - 1
        if other == NONE:
            break
        first = _first(state, state.resident[other].segment, state.resident[other].pool)
        if ((at - first) & last) >= ((at - hole) & last):
            state.place[hole] = other + 1
            hole = at
    state.place[hole] = 0
    world.n_entered -= 1
