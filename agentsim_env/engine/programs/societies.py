"""Societies: programs that take steps together. A step ends when all turns in it and before it have ended."""

from agentsim_env.engine.core import events
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.core.times import has_happened
from agentsim_env.engine.programs.reports import hand_list_on, report_in_step


@compiled
def has_begun(state, t):
    """Whether the step in which a turn stands has begun, or it stands in none."""
    step = state.turn[t].step
    return step == NONE or step <= state.society[state.program[state.turn[t].program].society].step


@compiled
def _turns_of_begun_steps(state, p):
    """Turns of a program that its society waits for now."""
    program, n = state.program[p], 0
    for t in range(program.first_turn, program.first_turn + program.n_turns):
        if state.turn[t].step != NONE and has_begun(state, t) and not has_happened(state.turn_run[t].end_s):
            n += 1
    return n


@compiled
def enter_society(state, p):
    """A program has been admitted. The first one of its society begins the first step."""
    q = state.program[p].society
    if q == NONE:
        return
    society = state.society[q]
    if society.step != NONE:
        society.left += _turns_of_begun_steps(state, p)
    elif not society.armed and society.n_steps > 0:
        society.armed = 1
        events.push(state, state.world[0].now_s, events.STEP_BEGIN, q)


@compiled
def leave_society(state, p):
    """An admitted program has failed: nobody waits for it any more."""
    q = state.program[p].society
    if q == NONE or state.society[q].step == NONE:
        return
    left = _turns_of_begun_steps(state, p)
    state.society[q].left -= left
    if left > 0 and state.society[q].left == 0:
        end_step(state, q)


@compiled
def end_turn_of_step(state, t):
    """A turn of a program that has not failed has ended; the last one of its step ends that."""
    if state.turn[t].step == NONE:
        return
    q = state.program[state.turn[t].program].society
    state.society[q].left -= 1
    if state.society[q].left == 0:
        end_step(state, q)


@compiled
def end_step(state, q):
    """Nobody is left whom society `q` waits for: its next step begins when this one has lasted long enough."""
    society, now_s = state.society[q], state.world[0].now_s
    run = state.step_run[society.first_row + society.step]
    run.ended_s = now_s
    if not society.armed and society.step + 1 < society.n_steps:
        society.armed = 1
        events.push(state, max(now_s, run.begun_s + society.step_s), events.STEP_BEGIN, q)


@compiled
def take_step(state, q):
    """The next step of society `q` begins, and what is reported with it; returns its row.

    NONE if one of its programs was admitted late, so that the step before it has to be waited for once more.
    """
    society = state.society[q]
    society.armed = 0
    if society.left > 0:
        return NONE
    society.step += 1
    row = society.first_row + society.step
    if society.step > 0:
        hand_list_on(state, row)
    state.step_run[row].begun_s = state.world[0].now_s
    report_in_step(state, row)
    return row
