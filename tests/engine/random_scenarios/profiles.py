"""Random latency profiles."""

import numpy as np

from tests.reference.description import Profile


def random_profile(rng: np.random.Generator) -> Profile:
    """Positive tables of a few milliseconds an iteration, in which any of the maxima may decide."""

    def increasing(n: int, scale: float) -> list[float]:
        return np.cumsum(rng.uniform(0.1, 1.0, n) * scale).tolist()

    def knots(*values: int) -> list[float]:
        return [float(value) for value in values[: rng.integers(1, len(values) + 1)]]

    dense, seq, dec, pre = knots(1, 32, 128, 300), knots(1, 4, 12), knots(1, 3, 8), knots(1, 40, 100, 256)
    return Profile(
        dense_tokens=dense,
        dense_s=increasing(len(dense), 2e-3),
        seq_n=seq,
        seq_s=increasing(len(seq), 3e-4),
        dec_n=dec,
        pure_a_s=increasing(len(dec), 3e-4),
        pure_b_s=increasing(len(dec), 1e-6),
        mixed_a_s=increasing(len(dec), 3e-4),
        mixed_b_s=increasing(len(dec), 2e-6),
        pre_c=pre,
        pre_a_s=increasing(len(pre), 1e-3),
        pre_b_s=increasing(len(pre), 2e-6),
        overhead_s=float(rng.choice([0.0, 1e-3])),
        chunk_overhead_s=float(rng.choice([0.0, 2e-3])),
        cpu_s=float(rng.choice([0.0, rng.uniform(1e-3, 6e-3)])),
        cpu_per_seq_s=float(rng.choice([0.0, 2e-4])),
        cpu_per_token_s=float(rng.choice([0.0, 1e-5])),
        serial_pure_s=float(rng.choice([0.0, rng.uniform(1e-6, 1e-5)])),
        serial_mixed_s=float(rng.choice([0.0, rng.uniform(1e-6, 1e-5)])),
    )
