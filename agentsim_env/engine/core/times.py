"""Times of the state: NaN stands for what has not happened."""

from agentsim_env.engine.core.jit import compiled


@compiled
def has_happened(time_s):
    """Whether a time of the state is known, as it is from when it has come."""
    return time_s == time_s
