"""Tokens that programs have been served, fading while none of their turns is in the cluster."""

import math

from agentsim_env.engine.core.jit import compiled

OUTPUT_WEIGHT = 2.0
"""An output token counts like so many of the prompt (llm-d)."""


@compiled
def fade_served(state, p, idle_s):
    """No turn of a program was in the cluster for so long."""
    state.served_tokens[p] *= math.pow(0.5, idle_s / state.world[0].served_half_life_s)


@compiled
def note_served(state, t):
    """A turn has ended."""
    turn = state.turn[t]
    state.served_tokens[turn.program] += turn.prompt_tokens + OUTPUT_WEIGHT * turn.output_tokens
