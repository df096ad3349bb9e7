"""Times of prefills alone, from the tables of a profile; for rules that weigh recomputing."""

from tests.reference.batch.iteration_time import table
from tests.reference.description import InstanceSpec


def chunk_s(spec: InstanceSpec, tokens: int, cached: int) -> float:
    """An iteration with one chunk and nothing else."""
    p = spec.profile
    attention_s = table(p.pre_c, p.pre_a_s, tokens) + table(p.pre_c, p.pre_b_s, tokens) * cached
    overhead_s = p.overhead_s + p.chunk_overhead_s
    dense_s, sequence_s = table(p.dense_tokens, p.dense_s, tokens), table(p.seq_n, p.seq_s, 1)
    return overhead_s + dense_s + sequence_s + max(attention_s, p.serial_mixed_s * (tokens + cached))


def prefill_s(spec: InstanceSpec, tokens: int, cached: int) -> float:
    """A prefill in chunks of the token budget; the middle one of the full chunks stands for all of them."""
    budget = spec.max_num_batched_tokens
    full, rest = divmod(tokens, budget)
    total_s = full * chunk_s(spec, budget, cached + (full - 1) * budget // 2) if full else 0.0
    return total_s + (chunk_s(spec, rest, cached + full * budget) if rest else 0.0)
