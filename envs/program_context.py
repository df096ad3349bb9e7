"""What decisions about the KV of a program show of it: its past, its tool, when it may come back."""

import math

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import ACTIVE, NONE
from agentsim_env.engine.programs.history import everything, mean_gap_s, tool_of


@compiled
def last_turn(state, p):
    """The turn of a program that ended last, NONE before the first; of a DAG the one that would be last in a chain."""
    program = state.program[p]
    ended = program.n_turns - state.program_run[p].turns_left
    return program.first_turn + ended - 1 if ended > 0 else NONE


@compiled
def gap_row(state, t):
    """Row of `state.gap` to predict the gap behind turn `t` from: its tool's, that of all tools if it is new."""
    tool = tool_of(state, t)
    return tool if tool != NONE and state.gap[tool].n > 0 else everything(state)


@compiled
def expected_return_s(state, p):
    """Time until the program's next turn by the mean gap of its tool: below 0 when it is late, 0 while it has a turn.

    1000 for a program that does not go on, or of whose tools nothing is known.
    """
    run = state.program_run[p]
    if run.state != ACTIVE:
        return 1000.0
    t = last_turn(state, p)
    if run.live > 0 or t == NONE:
        return 0.0
    gap_s = mean_gap_s(state, gap_row(state, t))
    return gap_s - (state.world[0].now_s - run.acting_since_s) if gap_s >= 0.0 else 1000.0


@compiled
def gap_deviation(state, row):
    """Standard deviation of the logarithms of a row's gaps."""
    return math.sqrt(state.gap[row].log_variance)
