"""Time of one iteration, from the latency form of a profile (semantics, "One iteration" step 3 and "Runs").

    gpu = dense(N) + per_seq(n) + max(D + A, serial * longest)
    t   = overhead + max(gpu, cpu + cpu_per_seq * n + cpu_per_token * N) + [a chunk in the step] * chunk_overhead

with N tokens and n sequences in the step, D = a(nd) + b(nd) * KV for nd decodes that read KV tokens (the new ones
included), and A = sum of a_pre(c) + b_pre(c) * k over chunks of c new on k cached tokens. Sums are added from left to
right, as the semantics ask for: times that are equal must be equal to the bit, or rounding decides who comes first.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tests.reference.description import Profile


class Line(NamedTuple):
    """An iteration's time, how much longer the next takes if the batch stays, and which maxima decided."""

    seconds: float
    growth_s: float
    branch: tuple[str, ...]


def table(knots: Sequence[float], values: Sequence[float], x: float) -> float:
    """Piecewise linear; the first value below the first knot, the last two knots' line beyond the last."""
    if x > knots[-1] and len(knots) > 1:
        slope = (values[-1] - values[-2]) / (knots[-1] - knots[-2])
        return float(values[-1] + slope * (x - knots[-1]))
    return float(np.interp(x, knots, values))


def iteration_time(profile: Profile, contexts: Sequence[int], chunks: Sequence[tuple[int, int]]) -> Line:
    """Time of an iteration.

    Args:
        profile: Latency tables of the instance.
        contexts: Context length of each decode, its new token included.
        chunks: (new tokens, cached tokens) of each prefill chunk.
    """
    p = profile
    n_decodes, n_sequences = len(contexts), len(contexts) + len(chunks)
    n_tokens = n_decodes + sum(new for new, _ in chunks)

    decode_s, decode_growth_s = 0.0, 0.0
    if n_decodes:
        a, b = (p.mixed_a_s, p.mixed_b_s) if chunks else (p.pure_a_s, p.pure_b_s)
        per_kv_token_s = table(p.dec_n, b, n_decodes)
        decode_s = table(p.dec_n, a, n_decodes) + per_kv_token_s * sum(contexts)
        decode_growth_s = per_kv_token_s * n_decodes
    prefill_s, prefill_growth_s = 0.0, 0.0
    for new, cached in chunks:
        per_cached_token_s = table(p.pre_c, p.pre_b_s, new)
        prefill_s += table(p.pre_c, p.pre_a_s, new) + per_cached_token_s * cached
        prefill_growth_s += per_cached_token_s * new

    base_s = table(p.dense_tokens, p.dense_s, n_tokens) + table(p.seq_n, p.seq_s, n_sequences)
    gpu_s, growth_s = base_s + decode_s + prefill_s, decode_growth_s + prefill_growth_s
    branch = ["attention"]
    serial_s = p.serial_mixed_s if chunks else p.serial_pure_s
    # (context, its growth): of two equally long ones that which grows faster is the longest from now on.
    longest, growth = max([(context, 1) for context in contexts] + [(new + cached, new) for new, cached in chunks])
    if base_s + serial_s * longest > gpu_s:
        gpu_s, growth_s = base_s + serial_s * longest, serial_s * growth
        branch = ["serial", "longest grows by", str(growth)]

    cpu_s = p.cpu_s + p.cpu_per_seq_s * n_sequences + p.cpu_per_token_s * n_tokens
    chunk_overhead_s = p.chunk_overhead_s if chunks else 0.0
    if cpu_s > gpu_s:
        return Line(p.overhead_s + cpu_s + chunk_overhead_s, 0.0, ("cpu",))
    return Line(p.overhead_s + gpu_s + chunk_overhead_s, growth_s, ("gpu", *branch))
