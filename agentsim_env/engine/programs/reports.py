"""What programs say of their next calls: at most one report each is current, until the call comes."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE

NOT_ANNOUNCED = float("inf")


@compiled
def report_in_step(state, row):
    """The reports that are made when the step of a row begins, in their order."""
    for k in range(state.step_row[row].first_report, state.step_row[row + 1].first_report):
        state.announced[state.report[k].program] = state.report[k].announced


@compiled
def report_after(state, t):
    """The report that is made when a turn ends, if there is one."""
    if len(state.turn_report) == 0 or state.turn_report[t] == NONE:
        return
    report = state.report[state.turn_report[t]]
    # The steps of a society are numbered, others count from now.
    from_s = state.world[0].now_s if state.program[report.program].society == NONE else 0.0
    state.announced[report.program] = from_s + report.announced


@compiled
def has_come(state, p):
    """A call of program `p` has come: what was said of it is over."""
    if len(state.announced) > 0:
        state.announced[p] = NOT_ANNOUNCED
