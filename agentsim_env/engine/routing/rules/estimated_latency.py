"""Routing by estimated times: Mooncake's conductor and our own estimate of latency."""

from agentsim_env.engine.batch.forecast import (
    decode_step_s,
    pending_pairs,
    prefill_steps,
    prefill_through_s,
)
from agentsim_env.engine.batch.look import (
    cached_tokens,
    find_cached,
    held_blocks,
    lowest_score,
    mean_output_tokens,
    pending_prefill_tokens,
    turns,
)
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.latency.prefill_time import prefill_s


@compiled
def mooncake(state, s):
    """Smallest estimated TTFT: time of the queued prefills plus that of this turn's uncached part.

    Mooncake's conductor (FAST'25, Algorithm 1) where each instance uses its own prefix; moving KV between instances,
    admission by SLO and the choice of a decode instance are left out. T_prefill comes from the latency profile instead
    of a regression, T_queue from the tokens of the queued prefills in full chunks. As on a prefill instance, decodes do
    not count.
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
def _memory_wait_s(state, i, blocks, turn_s):
    """Time until `blocks` more are available than waiting turns will take, if the turns there last `turn_s` each."""
    busy = held_blocks(state, i)
    short = blocks + state.seen[i].demand_blocks + busy - state.seen_pool[i].capacity
    if short <= 0 or busy <= 0:
        return 0.0
    return short / busy * turn_s


@compiled
def latency_s(state, s, i, output_tokens, shared_tokens):
    """What the turn costs on instance `i`: its own time from now to its end, and the delay of the turns that are there.

    `state.score` holds the hits. The turn will generate `output_tokens`; while it does so, the turns that are there now
    generate `shared_tokens` of theirs. Returns (own, delay) in seconds; the delay is summed over those turns.
    """
    seen = state.seen[i]
    n = turns(state, i)
    target = state.slot[s].target
    tokens = target - cached_tokens(state, s, i)
    queue_s = prefill_through_s(
        state, i, pending_prefill_tokens(state, i), pending_pairs(state, i), seen.n_decode, seen.kv_tokens
    )
    # By the time it runs, what is ahead of it decodes.
    kv_tokens = max(seen.kv_tokens, seen.outstanding_tokens)
    alone_s = decode_step_s(state, i, n, kv_tokens)
    beside_s = decode_step_s(state, i, n + 1, kv_tokens + target)
    own_prefill_s = prefill_through_s(state, i, tokens, tokens * (2.0 * target - tokens), n, kv_tokens)
    steps, _ = prefill_steps(state, i, tokens, n)
    memory_s = _memory_wait_s(state, i, target // state.world[0].block_size + 1, output_tokens * alone_s)
    own_s = queue_s + memory_s + own_prefill_s + output_tokens * beside_s
    delay_s = n * (own_prefill_s - steps * alone_s) + shared_tokens * (beside_s - alone_s)
    return own_s, delay_s


@compiled
def lowest_estimated_latency(state, s, others_weight=1.0):
    """Lowest estimate of the turn's own latency plus `others_weight` times the delay that it causes to the turns there.

    Our own. Latency: the prefills that are pending, the wait for blocks, the prefill of what is not cached, each beside
    the decodes of the instance, and the mean output of past turns at the pace of a batch with one more turn. Delay: the
    turns there decode more slowly while this one prefills, and a little more slowly while it decodes; half of its
    decoding is counted, because they end in the meantime.
    """
    find_cached(state, s)
    output_tokens = mean_output_tokens(state)
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            shared_tokens = 0.5 * output_tokens * turns(state, i)
            own_s, delay_s = latency_s(state, s, i, output_tokens, shared_tokens)
            state.score[i] = own_s + others_weight * delay_s
    return lowest_score(state)
