"""What gives way when an instance needs blocks.

First what rules have given up, then idle records by the eviction rule, then pins, latest deadline first.
Running turns come last, and not here: see `engine/iteration/running_turns.py`.
"""

from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.decisions import EVICT_KV
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE, OBJECTS
from agentsim_env.engine.eviction.rules import LRU, victim_record
from agentsim_env.engine.residency.pins import break_latest
from agentsim_env.engine.residency.residency import (
    available_blocks,
    free_blocks,
    give_up,
    idle_on_path,
    unlocked_on_path,
)
from agentsim_env.engine.tiers.stores import write_back, write_back_first


@compiled
def _pins_hold(state, i):
    """Whether a waiting turn of instance `i` may not have pins broken for it."""
    return state.world[0].firm_pins and state.instance[i].n_running > 0


@compiled
def blocks_for_running(state, i):
    """Blocks of instance `i` that running turns can have: free, idle or pinned."""
    return available_blocks(state, i) + state.pool[i].pinned


@compiled
def blocks_for_waiting(state, i, r):
    """Blocks that a waiting turn can have whose path is there down to record `r`, without touching that path."""
    kept = state.instance[i].kept_for_next
    if _pins_hold(state, i):
        return available_blocks(state, i) - idle_on_path(state, r) - kept
    return blocks_for_running(state, i) - unlocked_on_path(state, r) - kept


@compiled
def blocks_for_run(state, i):
    """Blocks that the iterations of a run may take before somebody has to look which ones give way."""
    return free_blocks(state, i) if state.world[0].timed_eviction else available_blocks(state, i)


@compiled
def unasked_victim(state, i):
    """The idle record of instance `i` that gives way whatever the eviction rule says; NONE if that one decides.

    Where nothing is idle, pins are broken.
    """
    pool = state.pool[i]
    while pool.oldest == NONE and break_latest(state, i):
        pass
    return pool.oldest if pool.last_first != NONE else NONE


@compiled
def victim_by_rule(state, i):
    """The idle record of instance `i` that the scenario's rule gives up next."""
    if state.rule[EVICT_KV] == LRU:
        return state.pool[i].oldest
    return victim_record(state, state.rule[EVICT_KV], i)


@compiled
def _taken(state, r, short):
    """Blocks that a record gives up where `short` are wanted."""
    blocks = state.resident[r].blocks
    return blocks if state.world[0].eviction == OBJECTS else min(short, blocks)


@compiled
def take(state, i, r, short):
    """Give up blocks of a record for `short` that are wanted; where copies are made so, they go to a tier below."""
    blocks = _taken(state, r, short)
    write_back_first(state, i, r, blocks)
    state.instance[i].evicted_blocks += give_up(state, r, blocks)


@compiled
def send_down(state, i, r, short, level):
    """Give up blocks of a record for `short` that are wanted, to a tier below; NONE: to nowhere."""
    blocks = _taken(state, r, short)
    if level != NONE:
        write_back(state, i, r, blocks, level)
    state.instance[i].evicted_blocks += give_up(state, r, blocks)


@component(NOTHING, NUMBER, NUMBER)
def _evict_for(state, i, blocks):
    while free_blocks(state, i) < blocks:
        r = unasked_victim(state, i)
        if r == NONE:
            r = victim_by_rule(state, i)
        take(state, i, r, blocks - free_blocks(state, i))


@compiled
def make_room(state, i, blocks):
    """Evict from the HBM of instance `i` by the rule until `blocks` are free.

    The caller has checked that they can be had: see `blocks_for_running` and `blocks_for_waiting`.
    """
    if free_blocks(state, i) < blocks:
        _evict_for(state, i, blocks)
