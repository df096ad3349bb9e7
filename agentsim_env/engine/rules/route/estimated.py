"""Routing by estimated times: Mooncake's conductor and our own estimate of latency."""

from agentsim_env.engine.decisions import ROUTE_TURN
from agentsim_env.engine.estimate import prefill_s
from agentsim_env.engine.jit import compiled
from agentsim_env.engine.rules.forecast import (
    decode_step_s,
    pending_pairs,
    prefill_steps,
    prefill_through_s,
)
from agentsim_env.engine.rules.look import (
    busy_blocks,
    cached_tokens,
    find_cached,
    lowest_score,
    mean_output_tokens,
    pending_prefill_tokens,
    turns,
)


@compiled
def mooncake(state, s):
    """Smallest estimated TTFT: time of the queued prefills plus that of this turn's uncached part.

    Mooncake's conductor (FAST'25, Algorithm 1) where each instance uses its own prefix; moving KV between instances, admission by SLO and the
    choice of a decode instance are left out. T_prefill comes from the latency profile instead of a regression, T_queue from the tokens of the
    queued prefills in full chunks. As on a prefill instance, decodes do not count.
    """
    find_cached(state, s)
    target = state.slot[s].target
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            cached = cached_tokens(state, s, i)
            queue_s = prefill_through_s(state, i, pending_prefill_tokens(state, i), pending_pairs(state, i), 0, 0)
            state.score[i] = queue_s + prefill_s(state, i, target - cached, cached)
    return lowest_score(state)


@compiled
def _memory_wait_s(state, i, blocks, output_tokens, step_s):
    """Time until `blocks` more blocks are available besides those that waiting turns will take: turns end and give theirs back."""
    busy = busy_blocks(state, i)
    short = blocks + state.seen[i].demand_blocks + busy - state.seen_pool[i].capacity
    if short <= 0 or busy <= 0:
        return 0.0
    return short / busy * output_tokens * step_s


@compiled
def latency_s(state, s, i, output_tokens):
    """Estimated time from now to the end of the turn on instance `i`, and by how much it delays the turns that are there already.

    `state.score` holds the hits. Returns (own, delay) in seconds; the delay is summed over those turns.
    """
    seen = state.seen[i]
    target = state.slot[s].target
    tokens = target - cached_tokens(state, s, i)
    pairs = tokens * (2 * target - tokens)
    queue_s = prefill_through_s(
        state, i, pending_prefill_tokens(state, i), pending_pairs(state, i), seen.n_decode, seen.kv_tokens
    )
    n = turns(state, i)
    kv_tokens = max(seen.kv_tokens, seen.outstanding_tokens)
    alone_s = decode_step_s(state, i, n, kv_tokens)
    beside_s = decode_step_s(state, i, n + 1, kv_tokens + target)
    own_prefill_s = prefill_through_s(state, i, tokens, pairs, n, kv_tokens)
    steps, _ = prefill_steps(state, i, tokens, n)
    blocks = tokens // state.world[0].block_size + 1
    own_s = queue_s + own_prefill_s + output_tokens * beside_s + _memory_wait_s(state, i, blocks, output_tokens, alone_s)
    delay_s = n * (own_prefill_s - steps * alone_s + 0.5 * output_tokens * (beside_s - alone_s))
    return own_s, delay_s, own_prefill_s, queue_s, n


@compiled
def lowest_estimated_latency(state, s):
    """Experimental."""
    find_cached(state, s)
    output_tokens = mean_output_tokens(state)
    p = state.parameter[ROUTE_TURN]
    home = state.program_run[state.slot[s].program].home
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            own_s, delay_s, pre_s, queue_s, n = latency_s(state, s, i, output_tokens)
            state.score[i] = own_s + p[0] * delay_s + p[1] * pre_s + p[2] * queue_s
    return lowest_score(state)
