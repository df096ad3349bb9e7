"""Time of prefills on an instance alone, from its latency profile."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.latency.iteration_time import DENSE, PER_SEQ, PREFILL, PREFILL_PER_CACHED


@compiled
def chunk_s(state, i, tokens, cached_tokens):
    """Time of an iteration of instance `i` with one chunk alone."""
    instance = state.instance[i]
    row = state.by_tokens[instance.profile, tokens]
    profile = state.profile[instance.profile]
    attention_s = row[PREFILL] + row[PREFILL_PER_CACHED] * cached_tokens
    serial_s = profile.serial_mixed_s * (tokens + cached_tokens)
    overhead_s = profile.overhead_s + profile.chunk_overhead_s
    return overhead_s + row[DENSE] + state.by_seqs[instance.profile, 1, PER_SEQ] + max(attention_s, serial_s)


@compiled
def prefill_s(state, i, tokens, cached_tokens):
    """Time to prefill `tokens` behind `cached_tokens` on instance `i` alone, in chunks of the token budget."""
    if tokens <= 0:
        return 0.0
    budget = state.instance[i].max_num_batched_tokens
    full = tokens // budget
    rest = tokens - full * budget
    total_s = 0.0
    if full > 0:
        # Chunks grow linearly in what is cached before them: the middle one stands for all.
        total_s += full * chunk_s(state, i, budget, cached_tokens + (full - 1) * budget // 2)
    if rest > 0:
        total_s += chunk_s(state, i, rest, cached_tokens + full * budget)
    return total_s
