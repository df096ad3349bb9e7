"""KVRouting: the least latency, by what was sent and by an error that is learned of each instance."""

import math

from agentsim_env.engine.batch.look import cached_tokens, find_cached
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE

WEIGHT, RESIDUALS_S, RESERVED_S, RESERVED_AT_S = range(4)
"""What is remembered of an instance: weight and weighted sum of the residuals, and the prefill time sent there."""

EXPECTED_S, BASE_S = range(2)
"""What is noted of a turn: its latency by what was known, and its own part of that."""

LEAST_S = 0.001
"""Nothing is faster, and what is not faster by so much is no better."""


@compiled
def _base_s(state, s, i, prefill_s_per_token):
    """What the uncached tokens of a turn take; call `find_cached` first."""
    return max(LEAST_S, prefill_s_per_token * (state.slot[s].target - cached_tokens(state, s, i)))


@compiled
def _reserved_s(state, i, fade_s):
    """What has been sent to instance `i` and has not faded by now."""
    memory = state.memory[i]
    return memory[RESERVED_S] * math.exp((memory[RESERVED_AT_S] - state.world[0].now_s) / fade_s)


@compiled
def kv_routing(state, s, prefill_s_per_token=0.001, fade_s=0.63, prior_weight=1e-6):
    """Least predicted latency: uncached tokens, what was sent there lately, and a residual that is learned.

    KVRouting (ICLR'26), the released `EtaOnline3D`: a token takes `prefill_s_per_token`; what is sent to an instance is
    reserved there until the turn leaves and fades with `fade_s` (31/32 each 20 ms); the rest is recursive least squares
    with the factor `forgetting` on the residual, at least 1 ms, of the turns that have left, of which the released code
    learns the constant only. `prior_weight` is 1 / P0. Here hits come from KV events, not from a tree of its own.
    """
    find_cached(state, s)
    best, least_s = NONE, 0.0
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            memory = state.memory[i]
            residual_s = memory[RESIDUALS_S] / (memory[WEIGHT] + prior_weight)
            known_s = _base_s(state, s, i, prefill_s_per_token) + _reserved_s(state, i, fade_s)
            state.score[i] = max(LEAST_S, known_s + residual_s)
            if best == NONE or state.score[i] + LEAST_S < least_s:
                best, least_s = i, state.score[i]
    return best


@compiled
def reserve(state, s, i, prefill_s_per_token, fade_s):
    """A turn goes to instance `i`."""
    find_cached(state, s)
    base_s, reserved_s = _base_s(state, s, i, prefill_s_per_token), _reserved_s(state, i, fade_s)
    state.sent_as[s, EXPECTED_S] = base_s + reserved_s
    state.sent_as[s, BASE_S] = base_s
    state.memory[i, RESERVED_S] = reserved_s + base_s
    state.memory[i, RESERVED_AT_S] = state.world[0].now_s


@compiled
def learn_residual(state, s, i, fade_s, forgetting=0.95):
    """A turn leaves instance `i`."""
    latency_s = state.world[0].now_s - state.turn_run[state.slot[s].turn].routed_s
    memory = state.memory[i]
    memory[WEIGHT] = forgetting * memory[WEIGHT] + 1.0
    memory[RESIDUALS_S] = forgetting * memory[RESIDUALS_S] + max(LEAST_S, latency_s - state.sent_as[s, EXPECTED_S])
    left_s = _reserved_s(state, i, fade_s) - state.sent_as[s, BASE_S] * math.exp(-latency_s / fade_s)
    memory[RESERVED_S] = max(0.0, left_s)
    memory[RESERVED_AT_S] = state.world[0].now_s
