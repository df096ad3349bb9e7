"""Prefetch for programs whose tools are about to answer, by what is known of the tools."""

import math

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.loads.rules.waiting import on_return
from agentsim_env.engine.programs.history import everything, mean_gap_s, tool_of
from agentsim_env.engine.tiers.prefetch_subjects import can_bring_up, most_ahead_s


@compiled
def is_due(state, i, t, return_s, margin_s):
    """Whether a context that is to be there at a time has to set out now, `margin_s` before the last moment."""
    return state.world[0].now_s >= return_s - most_ahead_s(state, i, t) - margin_s


@compiled
def _row(state, t):
    """The gaps to predict from: those of the tool, of all tools if it is new; NONE if nothing is known."""
    tool = tool_of(state, t)
    if tool == NONE or state.gap[everything(state)].n == 0:
        return NONE
    return tool if state.gap[tool].n > 0 else everything(state)


@compiled
def predicted_return(state, i, margin_s=0.0, ema=0.0):
    """Set out so that the context is there when the mean gap of the tool is over, `margin_s` (0) before.

    With `ema` (0) 1 it is the moving average. Turns that wait come first.
    """
    t = on_return(state, i)
    p = state.instance[i].acting_head if t == NONE else NONE
    while p != NONE:
        last = state.ahead[p].last_turn
        row = _row(state, last)
        if row != NONE:
            gap_s = state.gap[row].ema_s if ema > 0.0 else mean_gap_s(state, row)
            return_s = state.turn_run[last].end_s + gap_s
            if is_due(state, i, last, return_s, margin_s) and can_bring_up(state, i, last):
                return last
        p = state.ahead[p].next_acting
    return t


@compiled
def saga_margin(state, i, margin_s=0.1, deviations=0.0):
    """Set out `margin_s` (0.1) before the last moment, by a quantile of the tool's log-normal gaps.

    SAGA (HPDC'26) times speculative prefetch by the predicted gap: `exp(mean + deviations * deviation)` of its
    logarithms; it names neither quantile nor margin. `deviations` (0) 0 is the median. Turns that wait come first.
    """
    t = on_return(state, i)
    p = state.instance[i].acting_head if t == NONE else NONE
    while p != NONE:
        last = state.ahead[p].last_turn
        row = _row(state, last)
        if row != NONE:
            gap = state.gap[row]
            gap_s = math.exp(gap.log_mean + deviations * math.sqrt(gap.log_variance))
            return_s = state.turn_run[last].end_s + gap_s
            if is_due(state, i, last, return_s, margin_s) and can_bring_up(state, i, last):
                return last
        p = state.ahead[p].next_acting
    return t
