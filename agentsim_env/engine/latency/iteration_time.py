"""Time of an iteration: the profile's tables, and the closed form of a run.

The form is documented in `agentsim_env.hardware.profile`. For a fixed number of decodes and fixed chunks it is the
largest of a few lines in the number of the iteration, so a run of iterations on one line needs no stepping.
"""

import math

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE

DENSE, PREFILL, PREFILL_PER_CACHED = range(3)
PER_SEQ, PURE, PURE_PER_KV, MIXED, MIXED_PER_KV = range(5)


@compiled
def decode_lines(state, i, mixed):
    """Decode attention of the next iteration of instance `i` and its growth per iteration, seconds."""
    instance = state.instance[i]
    n = 0 if instance.prefills_only else instance.n_decode
    if n == 0:
        return 0.0, 0.0
    row = state.by_seqs[instance.profile, n]
    # kv_tokens already counts the token that each decode of this iteration adds.
    if mixed:
        return row[MIXED] + row[MIXED_PER_KV] * instance.kv_tokens, row[MIXED_PER_KV] * n
    return row[PURE] + row[PURE_PER_KV] * instance.kv_tokens, row[PURE_PER_KV] * n


@compiled
def prefill_lines(state, i):
    """Prefill attention of the chunks of instance `i`: seconds, growth, new tokens, longest context, sequences."""
    instance = state.instance[i]
    seconds, growth = 0.0, 0.0
    tokens, longest, sequences = 0, 0, 0
    s = instance.prefill_head
    while s != NONE:
        slot = state.slot[s]
        if slot.chunk > 0:
            row = state.by_tokens[instance.profile, slot.chunk]
            seconds += row[PREFILL] + row[PREFILL_PER_CACHED] * (slot.computed - slot.chunk)
            growth += row[PREFILL_PER_CACHED] * slot.chunk
            tokens += slot.chunk
            longest = max(longest, slot.computed)
            sequences += 1
        s = slot.prefill_next
    return seconds, growth, tokens, longest, sequences


@compiled
def time_run(state, i, iterations):
    """Set duration and growth of the run that instance `i` begins.

    Returns how many of `iterations` are timed by the same line of the latency formula.
    """
    instance = state.instance[i]
    profile = state.profile[instance.profile]
    prefill_s, prefill_growth, tokens, longest_prefill, sequences = prefill_lines(state, i)
    decode_s, decode_growth = decode_lines(state, i, sequences > 0)
    decodes = 0 if instance.prefills_only else instance.n_decode
    tokens += decodes
    sequences += decodes
    serial = profile.serial_mixed_s if sequences > decodes else profile.serial_pure_s
    base = state.by_tokens[instance.profile, tokens, DENSE] + state.by_seqs[instance.profile, sequences, PER_SEQ]
    longest_decode = instance.longest + instance.iteration if decodes > 0 else 0

    first = base + decode_s + prefill_s
    slope = decode_growth + prefill_growth
    other_firsts = (
        base + serial * longest_prefill,
        base + serial * longest_decode,
        profile.cpu_s + profile.cpu_per_seq_s * sequences + profile.cpu_per_token_s * tokens,
    )
    other_slopes = (serial * instance.train_chunk, serial if decodes > 0 else 0.0, 0.0)
    for k in range(3):
        if other_firsts[k] > first or (other_firsts[k] == first and other_slopes[k] > slope):
            first, slope = other_firsts[k], other_slopes[k]
    if iterations > 1:
        attention_slope = decode_growth + prefill_growth
        iterations = _until_crossed(first, slope, base + decode_s + prefill_s, attention_slope, iterations)
        for k in range(3):
            iterations = _until_crossed(first, slope, other_firsts[k], other_slopes[k], iterations)
    has_chunk = sequences > decodes
    instance.run_first_s = profile.overhead_s + first + (profile.chunk_overhead_s if has_chunk else 0.0)
    instance.run_slope_s = slope
    return iterations


@compiled
def _until_crossed(first, slope, other_first, other_slope, iterations):
    """Iterations in which a line stays at or above another one that starts at or below it."""
    if other_slope <= slope:
        return iterations
    crossing = (first - other_first) / (other_slope - slope)
    if crossing >= iterations:
        return iterations
    return int(crossing) + 1


@compiled
def run_end_s(state, i, iterations):
    """End of the first `iterations` iterations of the run of instance `i`, from the run's start."""
    instance = state.instance[i]
    return instance.run_base_s + (
        iterations * instance.run_first_s + instance.run_slope_s * (iterations * (iterations - 1) // 2)
    )


@compiled
def iterations_begun(state, i, now_s):
    """Iterations of the run of instance `i` that began before `now_s`; the first always counts."""
    instance = state.instance[i]
    n = instance.run_length
    elapsed = now_s - instance.run_base_s
    first, slope = instance.run_first_s, instance.run_slope_s
    if n == 1 or elapsed <= first:
        return 1
    if slope > 0.0:
        b = first - 0.5 * slope
        k = int(2.0 * elapsed / (b + math.sqrt(b * b + 2.0 * slope * elapsed))) + 1
    else:
        k = int(elapsed / first) + 1
    k = max(1, min(k, n))
    while k > 1 and run_end_s(state, i, k - 1) >= now_s:
        k -= 1
    while k < n and run_end_s(state, i, k) < now_s:
        k += 1
    return k
