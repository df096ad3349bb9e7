"""Prefetch by invocation distance: who is called next comes first, and nobody is pushed out who is nearer."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.memory_objects import ADAPTER, KV, distance_of, slot_to_fill, use_s_of
from agentsim_env.engine.loads.rules.waiting import fill_memory, first_lacking, on_return
from agentsim_env.engine.programs.future_uses import next_turn_s
from agentsim_env.engine.programs.invocation_distance import distance
from agentsim_env.engine.programs.reports import first_announced, next_announced
from agentsim_env.engine.residency.adapters import lacks_adapter, needed_adapter
from agentsim_env.engine.residency.residency import free_blocks
from agentsim_env.engine.tiers.prefetch_subjects import ahead_blocks, can_bring_up, lacks_something


@compiled
def _pushes_out(state, i, p):
    """The adapter that gives way where that of program `p` is brought up to instance `i`; NONE for none."""
    if not state.world[0].has_adapters or not lacks_adapter(state, i, needed_adapter(state, i, p)):
        return NONE
    return state.adapter_slot[i, slot_to_fill(state, i)].adapter


@compiled
def _has_room_before(state, i, p, blocks, nearest):
    """Whether what is free and what is further than `nearest` make room for so many blocks and an adapter."""
    a = _pushes_out(state, i, p)
    if a != NONE and distance_of(state, ADAPTER, a) <= nearest:
        return False
    left = blocks - free_blocks(state, i)
    r = state.pool[i].oldest
    while r != NONE and left > 0:
        if distance_of(state, KV, r) > nearest:
            left -= state.resident[r].blocks
        r = state.resident[r].newer
    return left <= 0


@compiled
def _first_of_society(state, i, q, load_ahead):
    """The nearest program of society `q` that acts at home on instance `i` and lacks something there, or NONE.

    Those whom it passes over are in HBM: it does not walk much further than memory reaches.
    """
    society = state.society[q]
    if society.step == NONE:
        return NONE
    for step in range(society.step, society.step + int(load_ahead) + 1):
        p = first_announced(state, q, step)
        while p != NONE:
            near = state.ahead[p].acting_at == i and distance(state, p) <= load_ahead
            if near and lacks_something(state, i, state.ahead[p].last_turn):
                return p
            p = next_announced(state, p)
    return NONE


@compiled
def _nearest(state, i, load_ahead):
    """The nearest program that acts at home on instance `i`, is called soon and lacks something there, or NONE."""
    best, nearest = NONE, 0.0
    for q in range(len(state.society)):
        p = _first_of_society(state, i, q, load_ahead)
        if p != NONE and (best == NONE or distance(state, p) < nearest):
            best, nearest = p, distance(state, p)
    p = state.instance[i].acting_head if state.world[0].has_loners else NONE
    while p != NONE:
        d = distance(state, p)
        closer = state.program[p].society == NONE and d <= load_ahead and (best == NONE or d < nearest)
        if closer and lacks_something(state, i, state.ahead[p].last_turn):
            best, nearest = p, d
        p = state.ahead[p].next_acting
    return best


@compiled
def scalesim(state, i, load_ahead=2.0):
    """The nearest of those to be called within `load_ahead` (2) steps, or seconds, if nobody nearer goes for it.

    ScaleSim (arXiv 2601.21473): an agent on the CPU side is loaded if there is room, or if an inactive agent on the GPU
    is further. Turns that wait come first. If the nearest finds no room, nobody is brought up.
    """
    t = first_lacking(state, i)
    if t != NONE or fill_memory(state, i):
        return t if t != NONE and can_bring_up(state, i, t) else NONE
    p = _nearest(state, i, load_ahead)
    if p == NONE or not can_bring_up(state, i, state.ahead[p].last_turn):
        return NONE
    last = state.ahead[p].last_turn
    return last if _has_room_before(state, i, p, ahead_blocks(state, i, last), distance(state, p)) else NONE


@compiled
def kvflow(state, i, load_ahead=1.0):
    """The nearest of those to be called within `load_ahead` (1) steps, or seconds, whoever goes for it.

    KVFlow (arXiv 2507.07400) brings up what the agents of the next step need. Turns that wait come first. If the
    nearest finds no room, nobody is brought up.
    """
    t = first_lacking(state, i)
    if t == NONE and not fill_memory(state, i):
        p = _nearest(state, i, load_ahead)
        t = state.ahead[p].last_turn if p != NONE else NONE
    return t if t != NONE and can_bring_up(state, i, t) else NONE


@compiled
def _has_room_until(state, i, p, blocks, use_s):
    """Whether what is free and what is used later than at a time make room for so many blocks and an adapter."""
    a = _pushes_out(state, i, p)
    if a != NONE and use_s_of(state, ADAPTER, a, i) <= use_s:
        return False
    left = blocks - free_blocks(state, i)
    r = state.pool[i].oldest
    while r != NONE and left > 0:
        if use_s_of(state, KV, r, i) > use_s:
            left -= state.resident[r].blocks
        r = state.resident[r].newer
    return left <= 0


@compiled
def oracle_next_use(state, i):
    """Who is in truth called next, if nothing is pushed out for it that is used before; turns that wait come first."""
    best, soonest_s = on_return(state, i), 0.0
    p = state.instance[i].acting_head if best == NONE else NONE
    while p != NONE:
        use_s = next_turn_s(state, p)
        if best == NONE or use_s < soonest_s:
            last = state.ahead[p].last_turn
            if can_bring_up(state, i, last) and _has_room_until(state, i, p, ahead_blocks(state, i, last), use_s):
                best, soonest_s = last, use_s
        p = state.ahead[p].next_acting
    return best
