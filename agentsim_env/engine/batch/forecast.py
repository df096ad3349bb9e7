"""How long things will take on an instance, from what a router sees of it and from the latency profiles.

Nothing here knows an output length.
"""

from agentsim_env.engine.batch.look import pending_prefill_tokens
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.latency.iteration_time import (
    DENSE,
    MIXED,
    MIXED_PER_KV,
    PER_SEQ,
    PREFILL,
    PREFILL_PER_CACHED,
    PURE,
    PURE_PER_KV,
)


@compiled
def decode_step_s(state, i, decodes, kv_tokens):
    """An iteration of instance `i` with `decodes` decodes of `kv_tokens` tokens of KV in all, and no prefill."""
    seen = state.seen[i]
    n = max(1, min(decodes, seen.max_num_seqs))
    profile = state.profile[seen.profile]
    row = state.by_seqs[seen.profile, n]
    gpu_s = state.by_tokens[seen.profile, n, DENSE] + row[PER_SEQ] + row[PURE] + row[PURE_PER_KV] * kv_tokens
    return profile.overhead_s + max(gpu_s, profile.cpu_s + (profile.cpu_per_seq_s + profile.cpu_per_token_s) * n)


@compiled
def mixed_step_s(state, i, decodes, kv_tokens, chunk, cached):
    """An iteration with a prefill chunk of `chunk` tokens behind `cached` ones besides the decodes."""
    seen = state.seen[i]
    profile = state.profile[seen.profile]
    attention_s = (
        state.by_tokens[seen.profile, chunk, PREFILL]
        + state.by_tokens[seen.profile, chunk, PREFILL_PER_CACHED] * cached
    )
    if decodes > 0:
        row = state.by_seqs[seen.profile, min(decodes, seen.max_num_seqs)]
        attention_s += row[MIXED] + row[MIXED_PER_KV] * kv_tokens
    tokens = min(chunk + decodes, seen.max_num_batched_tokens)
    sequences = min(decodes + 1, seen.max_num_seqs)
    gpu_s = state.by_tokens[seen.profile, tokens, DENSE] + state.by_seqs[seen.profile, sequences, PER_SEQ]
    gpu_s += max(attention_s, profile.serial_mixed_s * (chunk + cached))
    return (
        profile.overhead_s
        + profile.chunk_overhead_s
        + max(gpu_s, profile.cpu_s + profile.cpu_per_seq_s * sequences + profile.cpu_per_token_s * tokens)
    )


@compiled
def prefill_steps(state, i, tokens, decodes):
    """Iterations that instance `i` needs to prefill `tokens`, as a fraction, and the tokens that each of them takes."""
    chunk = max(1, min(tokens, state.seen[i].max_num_batched_tokens - decodes))
    return tokens / chunk, chunk


@compiled
def prefill_through_s(state, i, tokens, pairs, decodes, kv_tokens):
    """Time to prefill `tokens` on instance `i` in full chunks besides `decodes` decodes.

    `pairs` is twice the number of pairs (token, token before it) that attention has to see: for a turn that ends at
    `target` tokens `tokens * (2 * target - tokens)`.
    """
    if tokens <= 0:
        return 0.0
    steps, chunk = prefill_steps(state, i, tokens, decodes)
    # A token of a chunk sees on average half of the chunk besides what is cached before it.
    cached = max(0.0, (pairs / tokens - chunk) / 2)
    return steps * mixed_step_s(state, i, decodes, kv_tokens, chunk, cached)


@compiled
def pending_pairs(state, i):
    """`pairs` of the pending prefills of instance `i`; those in its batch count with the mean context there."""
    seen = state.seen[i]
    running = pending_prefill_tokens(state, i) - seen.expected_tokens
    if running == 0:
        return float(seen.expected_pairs)
    mean_context = (seen.outstanding_tokens - seen.queued_tokens) / max(1, seen.n_running)
    return seen.expected_pairs + running * max(float(running), 2 * mean_context - running)
