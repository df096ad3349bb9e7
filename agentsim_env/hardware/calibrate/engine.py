"""What a running engine adds to its kernels: a sustained rate below the burst rate, an overhead of prefill steps."""

import numpy as np

from agentsim_env.hardware.calibrate.efficiencies import minimise
from agentsim_env.hardware.calibrate.fit import fit_profile
from agentsim_env.hardware.calibrate.kernels import Kernels
from agentsim_env.hardware.calibrate.steps import Steps, predict_s
from agentsim_env.hardware.profile import Array, Profile


def fit_engine(kernels: Kernels, steps: Steps, chunk_overhead_s: float | None = None) -> tuple[float, float]:
    """The sustained share of the data-sheet rate and the overhead of prefill steps that explain whole iterations best.

    Args:
        kernels: Kernel tables of the same GPU, model and tp.
        steps: Measured iterations of a running engine, each with a prefill chunk.
        chunk_overhead_s: Overhead, if it is known already.

    Returns:
        Share of the data-sheet rate, seconds of every step with a chunk.
    """
    plain = fit_profile(kernels)

    def error(x: Array) -> float:
        overhead_s = float(x[1]) if chunk_overhead_s is None else chunk_overhead_s
        trial = with_engine(plain, kernels, float(x[0]), overhead_s)
        return float(np.mean(np.abs(predict_s(trial, steps) / steps.seconds - 1.0)))

    best = minimise(error, [0.7, 2e-3], [0.2, 1e-6], [1.0, 0.1])
    return float(best[0]), float(best[1]) if chunk_overhead_s is None else chunk_overhead_s


def same_throttle(sustained: float, fitted: Kernels, other: Kernels) -> float:
    """The sustained share of `other`, whose number format was not run: as far below its burst rate as `fitted` is."""
    return sustained * _burst_share(other) / _burst_share(fitted)


def _burst_share(kernels: Kernels) -> float:
    """Largest share of the data-sheet rate that the tables' products reach."""
    operations = 2.0 * kernels.model.active_layer_weights / kernels.tp * kernels.tokens
    return float(np.max(operations / kernels.dense["gemm"])) / kernels.gpu.flop_per_s(kernels.dtype)


def with_engine(plain: Profile, kernels: Kernels, sustained: float, chunk_overhead_s: float) -> Profile:
    """The profile of the kernels at a sustained rate, with an overhead of steps that hold a chunk."""
    slower = kernels.sustained(sustained).dense["gemm"]
    parts = {**plain.parts, "gemm": slower}
    return plain.replace(dense_s=np.sum(list(parts.values()), axis=0), parts=parts, chunk_overhead_s=chunk_overhead_s)
