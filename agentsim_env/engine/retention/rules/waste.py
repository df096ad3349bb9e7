"""The least waste of memory (InferCept, ICML'24, arXiv 2402.01869), in token-seconds."""

import numpy as np

from agentsim_env.engine.core.decisions import TO_DRAM
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE, TWO_LANES
from agentsim_env.engine.latency.prefill_time import chunk_s
from agentsim_env.engine.retention.rules.cost import (
    context_tokens,
    first_level,
    instance_of,
    queued_s,
)
from agentsim_env.engine.retention.rules.pinning import give_up_first, pin_for


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
    return tokens + _beside(state, i)[0]


@compiled
def _beside(state, i):
    """Tokens of KV in the prefill lane of instance `i`, if it has one, and turns that are to decode when they can."""
    if state.instance[i].mode != TWO_LANES:
        return 0, 0
    lanes, tokens, n = state.lanes[i], 0, 0
    if lanes.prefilling != NONE:
        tokens += state.slot[lanes.prefilling].computed
    s = lanes.ended_head
    while s != NONE:
        tokens += state.slot[s].computed
        n += 1
        s = state.slot[s].prefill_next
    return tokens, n


@compiled
def _saturation(state, i, saturation_tokens):
    """Tokens that fill an iteration up: `saturation_tokens`, at most the token budget; 0 stands for all of it."""
    most = np.int64(state.instance[i].max_num_batched_tokens)
    saturation = min(np.int64(saturation_tokens), most)
    return saturation if saturation > 0 else most


@compiled
def discard_waste_of(state, t, saturation_tokens):
    """The waste of computing again what turn `t` has left, on its instance as it is now."""
    i = instance_of(state, t)
    saturation = _saturation(state, i, saturation_tokens)
    fixed_s, per_token_s = forward_line(state, i, saturation)
    in_flight = state.instance[i].n_decode + _beside(state, i)[1]
    tokens = context_tokens(state, t)
    return discard_waste(tokens, running_tokens(state, i), in_flight, saturation, fixed_s, per_token_s)


@compiled
def _has_budget(state, i, level, saturation_tokens):
    """Whether what is on the link down and waits for it takes no longer than an iteration at the saturation point."""
    return queued_s(state, i, level) <= chunk_s(state, i, _saturation(state, i, saturation_tokens), 0)


@compiled
def infercept(state, t, saturation_tokens=0.0):
    """Keep the context while that has wasted less (gap x tokens) than computing it again would; move it down if it can.

    The gap is taken to be the time since the call. InferCept decides at every iteration; this rule is asked as the turn
    ends, and again every `period_s` (0.1) about what it keeps. Moving down overlaps with compute and wastes nothing, as
    long as the budget lasts: what has wasted anything so far moves. What is given up goes first when memory is needed.
    A chunk fills an iteration up to `saturation_tokens` (0: the token budget).
    """
    i, tokens = instance_of(state, t), context_tokens(state, t)
    gap_s = state.world[0].now_s - state.turn_run[t].end_s
    level = first_level(state, i)
    if gap_s > 0.0 and level != NONE and _has_budget(state, i, level, saturation_tokens):
        return np.int64(TO_DRAM + level)
    waste = discard_waste_of(state, t, saturation_tokens)
    if preserve_waste(tokens, gap_s) < waste:
        return pin_for(state, waste / tokens - gap_s)
    return give_up_first(state)
