"""What a gateway that knows the latency profiles can expect of an instance. Nothing here looks at output lengths or gaps."""

from agentsim_env.engine.jit import compiled
from agentsim_env.engine.latency import DENSE, PER_SEQ, PREFILL, PREFILL_PER_CACHED, PURE, PURE_PER_KV
from agentsim_env.engine.state import NONE


@compiled
def chunk_s(state, i, tokens, cached_tokens):
    """Time of an iteration of instance `i` with one chunk alone."""
    instance = state.instance[i]
    row = state.by_tokens[instance.profile, tokens]
    profile = state.profile[instance.profile]
    attention_s = row[PREFILL] + row[PREFILL_PER_CACHED] * cached_tokens
    serial_s = profile.serial_mixed_s * (tokens + cached_tokens)
    return profile.overhead_s + row[DENSE] + state.by_seqs[instance.profile, 1, PER_SEQ] + max(attention_s, serial_s)


@compiled
def prefill_s(state, i, tokens, cached_tokens):
    """Time to prefill `tokens` behind `cached_tokens` on instance `i` alone, in chunks of the token budget."""
    if tokens <= 0:
        return 0.0
    budget = state.instance[i].max_tokens
    full = tokens // budget
    rest = tokens - full * budget
    total_s = 0.0
    if full > 0:
        # Chunks grow linearly in what is cached before them: the middle one stands for all.
        total_s += full * chunk_s(state, i, budget, cached_tokens + (full - 1) * budget // 2)
    if rest > 0:
        total_s += chunk_s(state, i, rest, cached_tokens + full * budget)
    return total_s


@compiled
def decode_s(state, i, more_turns, more_tokens):
    """Time of a decode iteration of instance `i` with `more_turns` further turns of `more_tokens` tokens of context."""
    instance = state.instance[i]
    n = max(1, min(instance.max_num_seqs, instance.n_decode + more_turns))
    profile = state.profile[instance.profile]
    row = state.by_seqs[instance.profile, n]
    gpu_s = state.by_tokens[instance.profile, n, DENSE] + row[PER_SEQ]
    gpu_s += row[PURE] + row[PURE_PER_KV] * (instance.kv_tokens + more_tokens)
    return profile.overhead_s + max(gpu_s, profile.cpu_s + profile.cpu_per_seq_s * n + profile.cpu_per_token_s * n)


@compiled
def pending_prefill_tokens(state, i):
    """Prefill tokens that instance `i` still has to compute: of the turns in its batch and, as expected, of those that wait."""
    tokens = state.instance[i].expected_tokens
    s = state.instance[i].prefill_head
    while s != NONE:
        tokens += state.slot[s].target - state.slot[s].computed
        s = state.slot[s].prefill_next
    return tokens
