"""The least waste of memory (InferCept, ICML'24, arXiv 2402.01869), in token-seconds."""

import numpy as np

from agentsim_env.engine.decisions import RETAIN_KV, TO_DRAM
from agentsim_env.engine.estimate import chunk_s
from agentsim_env.engine.history import mean_gap_s, tool_of
from agentsim_env.engine.jit import compiled
from agentsim_env.engine.rules.retain.cost import (
    context_tokens,
    first_level,
    instance_of,
    queued_s,
    round_trip_s,
    whole_blocks,
)
from agentsim_env.engine.rules.retain.pinning import give_up_first, pin_for
from agentsim_env.engine.state import NONE


@compiled
def preserve_waste(tokens, gap_s):
    """Token-seconds that a context of so many tokens takes while its tool runs."""
    return tokens * gap_s


@compiled
def discard_waste(tokens, running_tokens, in_flight, saturation, fixed_s, per_token_s):
    """Token-seconds that computing a context again costs, in chunks that fill iterations up.

    Chunks of `c = max(saturation - in_flight, 1)` tokens, n = ceil(tokens / c) - 1 of them and a last one:
    `T(saturation) n (n + 1) / 2 c`, what is there already being held while the next chunk is computed, and
    `a (c n + last) running`, as the running contexts stay longer. An iteration of x tokens takes `T(x) = a x + fixed`.
    The form of InferCept's code, which in one version adds the last chunk to the running tokens.
    """
    chunk = max(saturation - in_flight, 1)
    n = (tokens + chunk - 1) // chunk - 1
    last = tokens - n * chunk
    full_s = per_token_s * saturation + fixed_s
    held = full_s * (1 + n) * n / 2 * chunk
    return held + per_token_s * chunk * n * running_tokens + per_token_s * last * running_tokens


@compiled
def forward_line(state, i, saturation):
    """(fixed, per token) of the time of an iteration of instance `i`: the line through 1 and `saturation` tokens."""
    one_s = chunk_s(state, i, 1, 0)
    per_token_s = (chunk_s(state, i, saturation, 0) - one_s) / max(1, saturation - 1)
    return one_s - per_token_s, per_token_s


@compiled
def running_tokens(state, i):
    """Tokens of KV of the turns that run on instance `i`."""
    tokens = state.instance[i].kv_tokens
    s = state.instance[i].prefill_head
    while s != NONE:
        tokens += state.slot[s].computed
        s = state.slot[s].prefill_next
    return tokens


@compiled
def _saturation(state, i):
    """Tokens that fill an iteration up: `saturation_tokens`, at most the token budget, for which 0 stands."""
    most = np.int64(state.instance[i].max_tokens)
    saturation = min(np.int64(state.parameter[RETAIN_KV, 0]), most)
    return saturation if saturation > 0 else most


@compiled
def discard_waste_of(state, t):
    """The waste of computing again what turn `t` has left, on its instance as it is now."""
    i = instance_of(state, t)
    saturation = _saturation(state, i)
    fixed_s, per_token_s = forward_line(state, i, saturation)
    in_flight = state.instance[i].n_decode
    tokens = context_tokens(state, t)
    return discard_waste(tokens, running_tokens(state, i), in_flight, saturation, fixed_s, per_token_s)


@compiled
def swap_waste_of(state, t):
    """The waste of moving what turn `t` has left down and up again; infinite without a tier or beyond the budget.

    Transfers overlap with compute here, so that nothing but the context itself is held for them. The budget: what is on
    the link down and waits for it takes no longer than an iteration at the saturation point.
    """
    i = instance_of(state, t)
    level = first_level(state, i)
    if level == NONE or queued_s(state, i, level) > chunk_s(state, i, _saturation(state, i), 0):
        return np.inf
    return context_tokens(state, t) * round_trip_s(state, i, level, whole_blocks(state, t))


@compiled
def infercept(state, t):
    """Whatever wastes least: to keep the context (gap x tokens), to move it down, or to compute it again.

    InferCept decides at every iteration and takes the time since the call as the gap. This rule is asked once, as the
    turn ends, and takes the mean gap of the tool (nothing being known, 0). What it keeps, it keeps until the time at
    which InferCept, by the time since the call, would give it up; what it gives up goes first when memory is needed. A
    chunk fills an iteration up to `saturation_tokens` (0: the token budget).
    """
    tool = tool_of(state, t)
    if tool == NONE:
        return pin_for(state, 0.0)
    waste = discard_waste_of(state, t)
    tokens = context_tokens(state, t)
    swapped = swap_waste_of(state, t)
    if preserve_waste(tokens, max(0.0, mean_gap_s(state, tool))) < min(waste, swapped):
        return pin_for(state, waste / tokens)
    if swapped < waste:
        return np.int64(TO_DRAM + first_level(state, instance_of(state, t)))
    return give_up_first(state)
