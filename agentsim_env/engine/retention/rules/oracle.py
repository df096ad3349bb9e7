"""Retention with knowledge of the gap."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.programs.future_uses import next_answer_s
from agentsim_env.engine.retention.rules.cost import context_tokens
from agentsim_env.engine.retention.rules.pinning import give_up_first, pin_for
from agentsim_env.engine.retention.rules.waste import discard_waste_of, preserve_waste


@compiled
def oracle_gap(state, t, saturation_tokens=0.0, margin_s=0.001):
    """Pin exactly as long as the gap, if that wastes less than to compute the context again; else it goes first.

    The criterion is that of `infercept` (token-seconds held against `discard_waste`), with the true gap: attempts and
    back-offs of the tool, not its queue, which depends on what rules decide. The gateway's delay and `margin_s` are
    added, for which the turn may wait for its admission.
    """
    gap_s = next_answer_s(state, t)
    if gap_s < 0.0:
        return pin_for(state, 0.0)
    if preserve_waste(context_tokens(state, t), gap_s) < discard_waste_of(state, t, saturation_tokens):
        return pin_for(state, gap_s + state.world[0].frontend_s + margin_s)
    return give_up_first(state)
