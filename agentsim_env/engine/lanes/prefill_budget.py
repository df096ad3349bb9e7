"""Who is asked for budgets and shares of instances with two lanes (`set_prefill_budget`), and what follows."""

from agentsim_env.engine.batch.prefill_lane import time_prefill
from agentsim_env.engine.batch.runs import cut, synchronise, wake
from agentsim_env.engine.core import events
from agentsim_env.engine.core.asking import ask, is_counted, is_open, take_answer
from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.decisions import SET_PREFILL_BUDGET
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE, TWO_LANES
from agentsim_env.engine.lanes.answers import slot_for
from agentsim_env.engine.lanes.rules import budget
from agentsim_env.engine.lanes.tpot import begin_interval


@compiled
def _has_work(state, i):
    instance = state.instance[i]
    return instance.mode == TWO_LANES and instance.n_running + instance.n_waiting > 0


@component(NOTHING)
def tick_budgets(state):
    """A control tick: ask about all instances with two lanes that have work, and come again if there are any."""
    world = state.world[0]
    world.budgets_armed = 0
    for i in range(len(state.lanes)):
        if _has_work(state, i) and events.more_to_come(state):
            world.next_budget = 0
            events.arm_budgets(state)


@compiled
def _concerns_counted(state, i):
    """Whether a turn that waits or runs on instance `i` belongs to a counted program."""
    counted = 0
    for head in (state.instance[i].waiting_head, state.instance[i].running_head):
        s = head
        while s != NONE:
            counted += is_counted(state, state.slot[s].program)
            s = state.slot[s].next
    return counted > 0


@compiled
def _n_answers(state, i):
    return (state.lanes[i].slots - 1) * len(state.budget_grid_tokens)


@compiled
def budget_by_rule(state, i):
    """What the scenario's rule answers; exactly that is in `world.set_share` and `world.set_tokens`."""
    return budget(state, state.rule[SET_PREFILL_BUDGET], i)


@compiled
def default_budget(state):
    """The rule's answer to the pending `set_prefill_budget`, the nearest of those that there are."""
    return budget_by_rule(state, state.world[0].asked_instance)


@compiled
def _divide(state, i, share, tokens):
    """From now on instance `i` divides its GPU so; what is in flight in the decode lane goes on as it has begun."""
    lanes = state.lanes[i]
    slot = slot_for(share, lanes.slots)
    changed = slot != lanes.decode_slot or tokens != lanes.budget_tokens
    lanes.decode_share, lanes.decode_slot, lanes.budget_tokens = share, slot, tokens
    if changed:
        state.instance[i].budget_changes += 1
        lanes.changed_s = state.world[0].now_s
        cut(state, i)
        time_prefill(state, i)
        if state.instance[i].n_waiting > 0:
            wake(state, i)


@compiled
def _set_budget(state, i):
    """Returns SET_PREFILL_BUDGET if someone outside has to decide first, or NONE when it is done."""
    synchronise(state, i)
    answer = take_answer(state)
    if answer == NONE and is_open(state, SET_PREFILL_BUDGET) and _concerns_counted(state, i):
        ask(state, SET_PREFILL_BUDGET, NONE, NONE, i)
        state.option[: _n_answers(state, i)] = 1
        return SET_PREFILL_BUDGET
    if answer == NONE or (state.world[0].advises and answer == budget_by_rule(state, i)):
        budget_by_rule(state, i)
        share, tokens = state.world[0].set_share, state.world[0].set_tokens
    else:
        grid = state.budget_grid_tokens
        share, tokens = (answer // len(grid) + 1) / state.lanes[i].slots, grid[answer % len(grid)]
    begin_interval(state, i)
    _divide(state, i, share, tokens)
    return NONE


@component(NUMBER)
def set_budgets(state):
    """Ask about the instances that a control tick has come for, in order.

    Returns SET_PREFILL_BUDGET if someone outside has to decide first, or NONE when it is done.
    """
    world = state.world[0]
    while world.next_budget < len(state.lanes):
        if _has_work(state, world.next_budget):
            asked = _set_budget(state, world.next_budget)
            if asked != NONE:
                return asked
        world.next_budget += 1
    world.next_budget = NONE
    return NONE
