"""Time to live by tool (Continuum, arXiv 2511.02230), as published and as released."""

import math

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.programs.history import everything, mean_wait_s, memoryfulness, share_within, tool_of
from agentsim_env.engine.retention.rules.cost import recompute_s
from agentsim_env.engine.retention.rules.pinning import pin_for


@compiled
def _best_s(state, row, benefit_s):
    """`argmax P(tau) benefit - tau` over the last gaps of a row and 0; of equals the shortest."""
    best_s, most_s = 0.0, share_within(state, row, 0.0) * benefit_s
    for k in range(min(state.gap[row].n, state.last_gaps_s.shape[1])):
        tau_s = state.last_gaps_s[row, k]
        worth_s = share_within(state, row, tau_s) * benefit_s - tau_s
        if worth_s > most_s or (worth_s == most_s and tau_s < best_s):
            best_s, most_s = tau_s, worth_s
    return best_s


@compiled
def _best_exponential_s(mean_s, benefit_s):
    """The same where gaps are exponential: the density of the gap falls to 1 / benefit at `mean ln(benefit / mean)`."""
    return mean_s * math.log(benefit_s / mean_s) if benefit_s > mean_s > 0.0 else 0.0


@compiled
def continuum(state, t, first_gap_s=1.0, samples=100.0):
    """Pin for `argmax P(tau) (T eta + reload) - tau` over the past gaps of the tool and 0.

    P is the distribution of the tool's last 100 gaps; of all tools while it has had `samples` (100) or fewer;
    exponential, with eta = 1, while all have had fewer than these (their mean so far, `first_gap_s` before the first).
    T is the mean queueing delay, eta the memoryfulness (`history.memoryfulness`), reload the time to prefill the
    context. Both sides of the published form carry the factor memory / mean memory, which falls out.
    """
    tool = tool_of(state, t)
    if tool == NONE:
        return pin_for(state, 0.0)
    row = everything(state)
    wait_s, reload_s = mean_wait_s(state), recompute_s(state, t)
    if state.gap[row].n < samples:
        mean_s = state.gap[row].sum_s / state.gap[row].n if state.gap[row].n > 0 else first_gap_s
        return pin_for(state, _best_exponential_s(mean_s, wait_s + reload_s))
    if state.gap[tool].n > samples:
        row = tool
    return pin_for(state, _best_s(state, row, wait_s * memoryfulness(state) + reload_s))


@compiled
def continuum_released(state, t, tau_s=2.0, slow_s=2.0):
    """Pin for `tau_s` (2) if the mean gap of the tool is at most `slow_s` (2) or unknown, else leave.

    The code that Continuum's authors released (vllm-continuum), instead of the published rule.
    """
    tool = tool_of(state, t)
    if tool == NONE:
        return pin_for(state, 0.0)
    gap = state.gap[tool]
    slow = gap.n > 0 and gap.sum_s / gap.n > slow_s
    return pin_for(state, 0.0 if slow else tau_s)
