"""How amounts without a bound become features within [-1, 1]."""

from agentsim_env.engine.core.jit import compiled


@compiled
def squash(x, scale):
    """From [0, inf) to [0, 1): 1/2 at `scale`."""
    return x / (x + scale)


@compiled
def signed(x, scale):
    """From (-inf, inf) to (-1, 1)."""
    return x / (abs(x) + scale)
