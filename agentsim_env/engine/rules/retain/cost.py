"""What it costs to bring back what a turn has left, and how full its instance is."""

from agentsim_env.engine.estimate import prefill_s
from agentsim_env.engine.jit import compiled


@compiled
def context_tokens(state, t):
    """Tokens of the context that a turn has left: its prompt and its output."""
    return state.turn[t].prompt_tokens + state.turn[t].output_tokens


@compiled
def instance_of(state, t):
    """Where a turn has ended."""
    return int(state.turn_run[t].instance)


@compiled
def recompute_s(state, t):
    """Time to prefill the context of a turn from nothing, alone."""
    return prefill_s(state, instance_of(state, t), context_tokens(state, t), 0)
