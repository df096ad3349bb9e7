"""Who comes in: programs that have arrived, and those that are held until somebody lets them in."""

from agentsim_env.engine.admission.rules import admit_by_rule, tick_by_rule
from agentsim_env.engine.core import events
from agentsim_env.engine.core.asking import ask, is_counted, is_open, take_answer
from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.decisions import ADMIT, ADMIT_PROGRAM, HOLD, REJECT
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import join_held, leave_arrived, leave_held
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.programs.orchestrator import hold, let_in, reject


@component(NUMBER)
def admissions(state):
    """Admit, hold or reject the programs that are due.

    Returns ADMIT_PROGRAM if someone outside has to decide first, or NONE when it is done.
    """
    world = state.world[0]
    while True:
        p = world.arrived_head
        is_new = p != NONE
        if not is_new:
            p = world.held_head
            if p == NONE or not world.ask_held:
                world.ask_held = 0
                return NONE
        answer = take_answer(state)
        if answer == NONE and is_open(state, ADMIT_PROGRAM) and is_counted(state, p):
            _put(state, p)
            return ADMIT_PROGRAM
        if answer == NONE:
            answer = rule_for_program(state, p)
        _carry_out(state, p, is_new, answer)


@compiled
def _put(state, p):
    """Ask someone outside; nobody can be held while nothing else is in the cluster."""
    ask(state, ADMIT_PROGRAM, p, NONE, NONE)
    state.option[ADMIT] = state.option[REJECT] = 1
    state.option[HOLD] = state.world[0].n_admitted > 0


@compiled
def rule_for_program(state, p):
    """The answer of the scenario's rule."""
    answer = admit_by_rule(state, state.rule[ADMIT_PROGRAM], p)
    return ADMIT if answer == HOLD and state.world[0].n_admitted == 0 else answer


@compiled
def default_admission(state):
    """The rule's answer to the pending `admit_program`."""
    return rule_for_program(state, state.world[0].asked_program)


@compiled
def _carry_out(state, p, is_new, answer):
    world = state.world[0]
    if answer == HOLD:
        if is_new:
            leave_arrived(state)
            hold(state, p)
            join_held(state, p)
            arm_tick(state)
        else:
            world.ask_held = 0
        return
    if is_new:
        leave_arrived(state)
    else:
        leave_held(state)
    if answer == ADMIT:
        let_in(state, p)
        arm_tick(state)
    else:
        reject(state, p)


@compiled
def arm_tick(state):
    """Tick as long as programs are held, or the rule wants ticks and programs are in the cluster."""
    world = state.world[0]
    wanted = world.n_held > 0 or (world.admission_ticks and world.n_admitted > 0)
    if wanted and not world.tick_armed:
        world.tick_armed = 1
        events.push(state, world.now_s + world.admission_period_s, events.CONTROL_TICK, events.ADMISSION_TICK)


@component(NOTHING)
def tick(state):
    """The rule takes stock, and those held are asked about again."""
    world = state.world[0]
    world.tick_armed = 0
    tick_by_rule(state, state.rule[ADMIT_PROGRAM])
    world.ask_held = 1
    # Where nothing else is left to happen, no tick will change that.
    if events.more_to_come(state):
        arm_tick(state)
