"""Chance for rules that want it: a pure function of the seed and a counter, so that the engine draws nothing."""

import numpy as np

from agentsim_env.engine.core.jit import COMPILED, compiled

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@compiled
def hash01(seed, counter):
    """A number in [0, 1) from seed and counter (splitmix64, Steele, Lea and Flood, OOPSLA 2014)."""
    z = np.uint64(seed) + np.uint64(counter + 1) * _GAMMA
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    z = z ^ (z >> np.uint64(31))
    return np.float64(z >> np.uint64(11)) * (1.0 / 9007199254740992.0)


if not COMPILED:
    hash01 = np.errstate(over="ignore")(hash01)


@compiled
def chance(state):
    """The next number in [0, 1)."""
    world = state.world[0]
    x = hash01(world.seed, world.chances)
    world.chances += 1
    return x
