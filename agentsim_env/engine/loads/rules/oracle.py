"""Prefetch with knowledge of the gap."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.loads.rules.predicted import is_due
from agentsim_env.engine.loads.rules.waiting import on_return
from agentsim_env.engine.programs.future_uses import next_answer_s
from agentsim_env.engine.tiers.prefetch_subjects import can_bring_up


@compiled
def oracle_return(state, i, margin_s=0.0):
    """Set out so that the context is there when the tool answers and the gateway has passed, `margin_s` (0) before.

    Queues at tool servers are not foreseen: they depend on what rules decide. Turns that wait come first.
    """
    t = on_return(state, i)
    p = state.instance[i].acting_head if t == NONE else NONE
    while p != NONE:
        last = state.ahead[p].last_turn
        gap_s = next_answer_s(state, last)
        if gap_s >= 0.0:
            return_s = state.turn_run[last].end_s + gap_s + state.world[0].frontend_s
            if is_due(state, i, last, return_s, margin_s) and can_bring_up(state, i, last):
                return last
        p = state.ahead[p].next_acting
    return t
