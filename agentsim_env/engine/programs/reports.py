"""What programs say of their next calls: at most one report each is current, until the call comes.

Those of a society that have announced a step stand in the list of that step, so that whoever looks for the nearest ones
need not look at all. When a step has begun, its list also has those who were expected before and have not come.
"""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import ACTIVE, NONE

NOT_ANNOUNCED = float("inf")


@compiled
def first_announced(state, q, step):
    """The first program that has announced a step of society `q`, now or later; NONE for none."""
    society = state.society[q]
    return state.step_run[society.first_row + step].first if step < society.n_steps else NONE


@compiled
def next_announced(state, p):
    """The next one in the list of its step, NONE for none."""
    return state.announcer[p].next


@compiled
def _leave_list(state, p):
    announcer = state.announcer[p]
    if announcer.row == NONE:
        return
    society = state.society[state.program[p].society]
    # The lists of steps that are over have gone on to the present one.
    run = state.step_run[max(announcer.row, society.first_row + society.step)]
    if announcer.previous == NONE:
        run.first = announcer.next
    else:
        state.announcer[announcer.previous].next = announcer.next
    if announcer.next == NONE:
        run.last = announcer.previous
    else:
        state.announcer[announcer.next].previous = announcer.previous
    announcer.row = announcer.next = announcer.previous = NONE


@compiled
def _join_list(state, p, step):
    society, announcer = state.society[state.program[p].society], state.announcer[p]
    if step >= society.n_steps:
        return
    announcer.row = society.first_row + max(step, society.step)
    run = state.step_run[announcer.row]
    announcer.previous = run.last
    if run.last == NONE:
        run.first = p
    else:
        state.announcer[run.last].next = p
    run.last = p


@compiled
def hand_list_on(state, row):
    """The step of a row begins: whoever was expected in the one before and has not come is expected in this one."""
    before, run = state.step_run[row - 1], state.step_run[row]
    if before.first == NONE:
        return
    if run.first == NONE:
        run.last = before.last
    else:
        state.announcer[before.last].next = run.first
        state.announcer[run.first].previous = before.last
    run.first = before.first
    before.first = before.last = NONE


@compiled
def _announce(state, p, announced):
    _leave_list(state, p)
    state.announced[p] = announced
    if state.program[p].society != NONE and state.program_run[p].state <= ACTIVE:
        _join_list(state, p, int(announced))


@compiled
def report_in_step(state, row):
    """The reports that are made when the step of a row begins, in their order."""
    for k in range(state.step_row[row].first_report, state.step_row[row + 1].first_report):
        _announce(state, state.report[k].program, state.report[k].announced)


@compiled
def report_after(state, t):
    """The report that is made when a turn ends, if there is one."""
    if len(state.turn_report) == 0 or state.turn_report[t] == NONE:
        return
    report = state.report[state.turn_report[t]]
    # The steps of a society are numbered, others count from now.
    from_s = state.world[0].now_s if state.program[report.program].society == NONE else 0.0
    _announce(state, report.program, from_s + report.announced)


@compiled
def has_come(state, p):
    """A call of program `p` has come: what was said of it is over."""
    if len(state.announced) > 0:
        _leave_list(state, p)
        state.announced[p] = NOT_ANNOUNCED


@compiled
def calls_no_more(state, p):
    """Program `p` has ended: nobody is to look for it."""
    if len(state.announced) > 0:
        _leave_list(state, p)
