"""What the router has sent to each instance lately: prefill time by its own tree, fading with age."""

import math

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.latency.prefill_time import prefill_s

WINDOW_S = 180.0
"""How long what was sent counts (Preble: a sliding window of 3 minutes).

It fades exponentially instead of ending at once, so that no history has to be kept; at a steady rate both give the same
sum.
"""


@compiled
def recent_prefill_s(state, i):
    """Seconds of prefill sent to instance `i` within the window, as of now."""
    instance = state.instance[i]
    return instance.recent_s * math.exp((instance.recent_at_s - state.world[0].now_s) / WINDOW_S)


@compiled
def note_sent(state, i, tokens, cached_tokens):
    """A turn goes to instance `i` that is expected to prefill `tokens` behind `cached_tokens`."""
    instance = state.instance[i]
    instance.recent_s = recent_prefill_s(state, i) + prefill_s(state, i, tokens, cached_tokens)
    instance.recent_at_s = state.world[0].now_s
