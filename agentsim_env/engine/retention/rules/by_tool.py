"""Pins as long as the gaps of the tool: SAGA, a quantile, the evolved gate."""

import math

import numpy as np

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.programs.history import everything, mean_gap_s, share_within, tool_of
from agentsim_env.engine.residency.residency import pressure
from agentsim_env.engine.retention.rules.cost import instance_of
from agentsim_env.engine.retention.rules.pinning import pin_for


@compiled
def _row_of(state, t):
    """The row of gaps to predict from: of the tool, of all tools if it is new; NONE if nothing is known."""
    tool = tool_of(state, t)
    if tool == NONE or state.gap[everything(state)].n == 0:
        return NONE
    return tool if state.gap[tool].n > 0 else everything(state)


@compiled
def saga_ttl(state, t, deviations=1.6448536269514722, low_pressure=0.7, high_pressure=0.9, shrink=0.5, most_s=300.0):
    """Pin for the 95th percentile of the tool's log-normal gaps, at most `most_s` (300), shorter under pressure.

    SAGA (HPDC'26): `exp(mean + 1.645 deviation)` of the logarithms, both moving with weight 0.2 (AgentServeSim's port;
    SAGA gives none), times `1 - 0.5 m`, where m rises from 0 to 1 as the pressure rises from 0.7 to 0.9.
    """
    row = _row_of(state, t)
    if row == NONE:
        return pin_for(state, 0.0)
    gap = state.gap[row]
    tau_s = math.exp(gap.log_mean + deviations * math.sqrt(gap.log_variance))
    over = (pressure(state, instance_of(state, t)) - low_pressure) / (high_pressure - low_pressure)
    return pin_for(state, min(tau_s, most_s) * (1.0 - shrink * max(0.0, min(1.0, over))))


@compiled
def tool_ttl(state, t, quantile=0.9):
    """Pin for the `quantile` (0.9) of the tool's last gaps; with 0 for their mean."""
    row = _row_of(state, t)
    if row == NONE:
        return pin_for(state, 0.0)
    if quantile <= 0.0:
        return pin_for(state, mean_gap_s(state, row))
    best_s = np.inf
    for k in range(min(state.gap[row].n, state.last_gaps_s.shape[1])):
        tau_s = state.last_gaps_s[row, k]
        if tau_s < best_s and share_within(state, row, tau_s) >= quantile:
            best_s = tau_s
    return pin_for(state, best_s)


@compiled
def gate(state, t, tau_s=2.0, slow_s=3.0):
    """Pin for `tau_s` (2) unless the moving average of the tool's gaps is above `slow_s` (3).

    The policy that AgentServeSim's search found (arXiv 2606.09613v3); a new tool is pinned.
    """
    tool = tool_of(state, t)
    slow = tool == NONE or state.gap[tool].ema_s > slow_s
    return pin_for(state, 0.0 if slow else tau_s)
