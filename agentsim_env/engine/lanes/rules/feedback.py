"""Budgets that follow the time per output token."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.lanes.answers import set_to
from agentsim_env.engine.lanes.tpot import interval_tpot_s, tpot_objective_s


@compiled
def keep(state, i):
    """What there is stays: without feedback, what the scenario says."""
    lanes = state.lanes[i]
    return set_to(state, i, lanes.decode_share, lanes.budget_tokens)


@compiled
def tpot_feedback(
    state,
    i,
    high=1.0,
    low=0.8,
    slo_factor=2.0,
    step_tokens=32.0,
    step_share=0.1,
    most_tokens=512.0,
    least_share=0.1,
    most_share=0.8,
):
    """Protect decodes while a token takes longer than `high` of its objective, relax below `low` of it (AgentServe).

    TPOT is decode time over steps since the last tick. To protect, the budget falls by `step_tokens` and the least
    share for decodes rises by `step_share`; to relax, the reverse; between both they hold. Only the law is published
    (arXiv 2603.10342): `high`, `low`, steps, bounds and `period_s` are guesses. The objective is the scenario's
    `slo.tpot_s`, or `slo_factor` times the step of a turn of 3,000 tokens that decodes alone.
    """
    lanes = state.lanes[i]
    tpot_s, objective_s = interval_tpot_s(state, i), tpot_objective_s(state, i, slo_factor)
    share, tokens = lanes.decode_share, float(lanes.budget_tokens)
    if tpot_s > high * objective_s:
        share, tokens = min(share + step_share, most_share), max(tokens - step_tokens, 0.0)
    elif 0.0 < tpot_s < low * objective_s:
        share, tokens = max(share - step_share, least_share), min(tokens + step_tokens, most_tokens)
    return set_to(state, i, share, int(tokens))
