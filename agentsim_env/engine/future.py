"""What is to come, for oracles only."""

from agentsim_env.engine.jit import compiled


@compiled
def tool_s(state, e):
    """How long a tool call takes that never queues: all its attempts and the back-offs between them."""
    edge = state.edge[e]
    backoff_s = state.tool[edge.tool].backoff_s
    return edge.gap_s * (edge.failures + 1) + backoff_s * (2.0**edge.failures - 1.0)
