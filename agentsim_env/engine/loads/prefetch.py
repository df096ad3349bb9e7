"""Who is asked what to bring up ahead of its use (`prefetch_kv`), and what is done about the answers."""

from agentsim_env.engine.batch.runs import cut, synchronise, wake
from agentsim_env.engine.core.asking import (
    ASKED,
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
from agentsim_env.engine.core.decisions import PREFETCH_KV
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import first_ready, next_ready
from agentsim_env.engine.core.state import NONE, SERIALIZED
from agentsim_env.engine.loads.loads import begin_ahead, set_out
from agentsim_env.engine.loads.rules import prefetch
from agentsim_env.engine.tiers.prefetch_subjects import can_bring_up


@compiled
def subject_by_rule(state, i):
    """The turn whose context the scenario's rule brings up to instance `i` next, or NONE."""
    return prefetch(state, state.rule[PREFETCH_KV], i)


@compiled
def _offer(state, i, t):
    """Make a turn a candidate if there is something to bring up."""
    if has_room(state) and can_bring_up(state, i, t):
        offer(state, t)


@compiled
def _put(state, i):
    """Fill the candidates: waiting turns in their order, then programs that act, the longest gap first.

    Whoever the rule would take stands in the last place if they are too many. Returns whether a
    candidate belongs to a counted program.
    """
    clear_candidates(state)
    s = first_ready(state, i)
    while s != NONE:
        if not state.slot[s].handed:
            _offer(state, i, state.slot[s].turn)
        s = next_ready(state, s)
    p = state.instance[i].acting_head
    while p != NONE:
        _offer(state, i, state.ahead[p].last_turn)
        p = state.ahead[p].next_acting
    include(state, subject_by_rule(state, i))
    counted = 0
    state.option[:] = 0
    for k in range(state.world[0].n_candidates):
        state.option[k] = 1
        counted += is_counted(state, state.turn[state.candidate[k]].program)
    state.option[len(state.candidate)] = 1
    return counted > 0


@compiled
def default_subject(state):
    """The rule's answer to the pending `prefetch_kv`."""
    t = subject_by_rule(state, state.world[0].asked_instance)
    return place_of(state, t) if t != NONE else len(state.candidate)


@compiled
def _subject(state, i):
    """The turn whose context is to be brought up to instance `i`; NONE, or ASKED if someone outside has to say it."""
    answer = take_answer(state)
    if answer != NONE:
        return state.candidate[answer] if answer < len(state.candidate) else NONE
    if is_open(state, PREFETCH_KV) and _put(state, i):
        ask_among(state, PREFETCH_KV, i)
        return ASKED
    return subject_by_rule(state, i)


@component(NUMBER, NUMBER)
def bring_up(state, i):
    """Bring up to instance `i` what rules or agents want.

    Returns PREFETCH_KV or EVICT_KV if someone outside has to decide first, or NONE when it is done.
    """
    world = state.world[0]
    while state.instance[i].up:
        synchronise(state, i)
        if state.instance[i].departing == NONE:
            t = _subject(state, i)
            if t == ASKED:
                return PREFETCH_KV
            if t == NONE:
                break
            begin_ahead(state, i, t)
        asked = set_out(state, i)
        if asked != NONE:
            return asked
        cut(state, i)
    # What is serialized is there already.
    if world.transfers == SERIALIZED and state.instance[i].up and state.instance[i].n_waiting > 0:
        wake(state, i)
    return NONE
