"""Eviction by invocation distance: what is called again last goes first (ScaleSim, KVFlow)."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.eviction.rules.lowest import lowest
from agentsim_env.engine.programs.invocation_distance import NEVER, object_distance


@compiled
def level_of(distance, level):
    """KVFlow's priority of a distance: all beyond `level` are alike; only what is never used again is further."""
    return distance if distance == NEVER else min(level + 1.0, distance)


@lowest
def scalesim(state, pool, r):
    """The record whose owners are furthest from their next call (ScaleSim, arXiv 2601.21473).

    Of several owners the nearest counts. One that has not reported is beyond all that have, and what a single turn has
    used is beyond that. Of an agent that is active everything is at 0.
    """
    return -object_distance(state, r)


@lowest
def kvflow(state, pool, r, level=4.0):
    """The same by KVFlow's priority (arXiv 2507.07400): `level` (4) steps are told apart, what is beyond is alike."""
    return -level_of(object_distance(state, r), level)
