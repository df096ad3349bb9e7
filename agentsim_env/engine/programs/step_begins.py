"""A step of a society begins: what was said of it is said, and the turns that stand in it are ready."""

from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.state import ACTIVE, NONE
from agentsim_env.engine.programs.orchestrator import get_ready
from agentsim_env.engine.programs.societies import end_step, take_step


@component(NOTHING, NUMBER)
def step_begins(state, q):
    """The next step of society `q` is due. It waits for the turns of programs that are inside, and for no others."""
    row = take_step(state, q)
    if row == NONE:
        return
    for k in range(state.step_row[row].first_turn, state.step_row[row + 1].first_turn):
        t = state.step_turn[k]
        if state.program_run[state.turn[t].program].state == ACTIVE:
            state.society[q].left += 1
            if state.turn_run[t].pending == 0:
                get_ready(state, t)
    if state.society[q].left == 0:
        end_step(state, q)
