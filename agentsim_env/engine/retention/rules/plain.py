"""Retention that looks at nothing except its parameters."""

from agentsim_env.engine.core.decisions import DROP, LEAVE, TO_CXL, TO_DRAM
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import DRAM
from agentsim_env.engine.retention.rules.pinning import pin_for
from agentsim_env.engine.tiers.stores import can_store


@compiled
def leave(state, t):
    """What a turn leaves is ordinary cache (vLLM)."""
    return LEAVE


@compiled
def evict_always(state, t):
    """What a turn leaves and nobody else holds is given up at once (AgentServeSim's lower baseline)."""
    return DROP


@compiled
def swap(state, t):
    """What a turn leaves is moved to the first tier below; without one it is left (InferCept's swap, for every gap)."""
    return TO_DRAM if can_store(state, state.turn_run[t].instance, DRAM) else TO_CXL


@compiled
def ttl(state, t, tau_s=2.0):
    """What a turn leaves is pinned for `tau_s`, the same for every tool."""
    return pin_for(state, tau_s)
