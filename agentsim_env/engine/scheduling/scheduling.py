"""Who joins the batch of an instance next, and who leaves it when blocks are short.

The scenario's rules answer inside the engine. Where a decision is open, someone outside is asked who sees at most
`len(state.candidate)` candidates; what the rule would take is always among them.
"""

from agentsim_env.engine.batch.prefill_chunk import joins_now
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
from agentsim_env.engine.core.decisions import PREEMPT_TURN, SCHEDULE_TURN
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import first_ready, next_ready
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.scheduling.preempt import LAST_ADMITTED, preempt
from agentsim_env.engine.scheduling.rules import FCFS, schedule


@compiled
def _n_counted(state):
    """How many of the candidates belong to counted programs."""
    counted = 0
    for k in range(state.world[0].n_candidates):
        counted += is_counted(state, state.slot[state.candidate[k]].program)
    return counted


# schedule_turn


@compiled
def turn_by_rule(state, i):
    """The waiting turn that the scenario's rule takes; NONE to hold all back, while others run."""
    head = first_ready(state, i)
    if head == NONE:
        return NONE
    if state.rule[SCHEDULE_TURN] == FCFS:
        return head
    s = schedule(state, state.rule[SCHEDULE_TURN], i)
    return head if s == NONE and state.instance[i].n_running == 0 else s


@component(NUMBER, NUMBER)
def _put_next_turn(state, i):
    """Whether someone outside is to choose the next turn of instance `i`: more than one answer would be legal.

    Answers: a candidate that fits, or the number behind the last possible candidate to hold all back.
    """
    clear_candidates(state)
    s = first_ready(state, i)
    while s != NONE and has_room(state):
        offer(state, s)
        s = next_ready(state, s)
    rule = turn_by_rule(state, i)
    include(state, rule)
    if _n_counted(state) == 0:
        return False
    hold = len(state.candidate)
    state.option[: hold + 1] = 0
    # Where nothing runs, what is on its way up may leave no room for the turn that the rule takes.
    state.option[hold] = state.instance[i].n_running > 0 or (rule != NONE and not joins_now(state, i, rule))
    legal = state.option[hold]
    for k in range(state.world[0].n_candidates):
        state.option[k] = joins_now(state, i, state.candidate[k])
        legal += state.option[k]
    return legal > 1


@compiled
def next_turn(state, i):
    """The waiting turn that is to join the batch of instance `i` next, NONE for none, or ASKED."""
    if not is_open(state, SCHEDULE_TURN):
        return turn_by_rule(state, i)
    answer = take_answer(state)
    if answer != NONE:
        return state.candidate[answer] if answer < len(state.candidate) else NONE
    if _put_next_turn(state, i):
        ask_among(state, SCHEDULE_TURN, i)
        return ASKED
    return turn_by_rule(state, i)


@compiled
def default_turn(state):
    """The rule's answer to the pending `schedule_turn`; a turn that does not fit holds all others back."""
    s = turn_by_rule(state, state.world[0].asked_instance)
    k = NONE if s == NONE else place_of(state, s)
    return k if k != NONE and state.option[k] else len(state.candidate)


# preempt_turn


@compiled
def victim_by_rule(state, i):
    """The running turn that the scenario's rule sends back to the queue."""
    if state.rule[PREEMPT_TURN] == LAST_ADMITTED:
        return state.instance[i].running_tail
    return preempt(state, state.rule[PREEMPT_TURN], i)


@compiled
def _put_victim(state, i):
    """Whether someone outside is to choose who leaves the batch of instance `i`, the last admitted being the first."""
    clear_candidates(state)
    s = state.instance[i].running_tail
    while s != NONE and has_room(state):
        offer(state, s)
        s = state.slot[s].previous
    include(state, victim_by_rule(state, i))
    n = state.world[0].n_candidates
    if n < 2 or _n_counted(state) == 0:
        return False
    state.option[:] = 0
    state.option[:n] = 1
    return True


@component(NUMBER, NUMBER)
def victim(state, i):
    """The running turn that leaves the batch of instance `i`, or ASKED."""
    if not is_open(state, PREEMPT_TURN):
        return victim_by_rule(state, i)
    answer = take_answer(state)
    if answer != NONE:
        return state.candidate[answer]
    if _put_victim(state, i):
        ask_among(state, PREEMPT_TURN, i)
        return ASKED
    return victim_by_rule(state, i)


@compiled
def default_victim(state):
    """The rule's answer to the pending `preempt_turn`."""
    return place_of(state, victim_by_rule(state, state.world[0].asked_instance))
