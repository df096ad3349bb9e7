"""Which idle KV goes when an iteration needs blocks (`evict_kv`), by the rule or by someone outside.

Where it matters when the victims are chosen, room is made before the blocks of an iteration are taken, and a run leaps
only as far as free blocks reach. For plain LRU it does not matter: see `make_room` in `engine/eviction/room.py`.
"""

from agentsim_env.engine.core.asking import (
    ask_among,
    clear_candidates,
    has_room,
    include,
    is_counted,
    is_open,
    offer,
    place_of,
    take_answer,
)
from agentsim_env.engine.core.component import NUMBER, component
from agentsim_env.engine.core.decisions import DOWN_TO_CXL, DOWN_TO_DRAM, DROP_KV, EVICT_KV, TARGETS
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import CXL, DRAM, NONE, WRITE_BACK
from agentsim_env.engine.eviction.room import send_down, take, unasked_victim, victim_by_rule
from agentsim_env.engine.residency.residency import free_blocks
from agentsim_env.engine.tiers.stores import can_store


@component(NUMBER, NUMBER, NUMBER)
def free_up(state, i, blocks):
    """Have `blocks` free blocks on instance `i`, which the caller knows can be had.

    Returns EVICT_KV if someone outside has to choose first, or NONE when it is done.
    """
    world = state.world[0]
    if not world.timed_eviction:
        return NONE
    while free_blocks(state, i) < blocks:
        short = blocks - free_blocks(state, i)
        r = unasked_victim(state, i)
        if r != NONE:
            take(state, i, r, short)
        elif world.answer != NONE:
            answer = take_answer(state)
            send_down(state, i, state.candidate[answer // TARGETS], short, answer % TARGETS - DOWN_TO_DRAM)
        elif is_open(state, EVICT_KV) and _put(state, i):
            return EVICT_KV
        else:
            take(state, i, victim_by_rule(state, i), short)
    return NONE


@compiled
def _find_candidates(state, i):
    """List the idle records that may go, the one released longest ago first, the rule's choice among them."""
    clear_candidates(state)
    r = state.pool[i].oldest
    while r != NONE and has_room(state):
        if state.resident[r].children == 0:
            offer(state, r)
        r = state.resident[r].newer
    include(state, victim_by_rule(state, i))


@component(NUMBER, NUMBER)
def _put(state, i):
    """Whether someone outside is to choose what goes on instance `i`: a place among the candidates, and where to."""
    _find_candidates(state, i)
    n, counted = state.world[0].n_candidates, 0
    for k in range(n):
        counted += is_counted(state, state.resident[state.candidate[k]].program)
    to_dram, to_cxl = can_store(state, i, DRAM), can_store(state, i, CXL)
    if counted == 0 or (n < 2 and not to_dram and not to_cxl):
        return False
    state.option[: TARGETS * len(state.candidate)] = 0
    for k in range(n):
        state.option[TARGETS * k + DROP_KV] = 1
        state.option[TARGETS * k + DOWN_TO_DRAM] = to_dram
        state.option[TARGETS * k + DOWN_TO_CXL] = to_cxl
    ask_among(state, EVICT_KV, i)
    return True


@compiled
def default_eviction(state):
    """The rule's answer to the pending `evict_kv`; where it sends what it takes is the scenario's write policy."""
    i = state.world[0].asked_instance
    target = DROP_KV
    if state.world[0].write_policy == WRITE_BACK:
        if can_store(state, i, DRAM):
            target = DOWN_TO_DRAM
        elif can_store(state, i, CXL):
            target = DOWN_TO_CXL
    return TARGETS * place_of(state, victim_by_rule(state, i)) + target
