"""Kernel tables of one (GPU, model, tp): the measured parts that an iteration is the sum of."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from agentsim_env.hardware.calibrate.problems import CalibrationError
from agentsim_env.hardware.calibrate.steps import Steps, read
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.profile import Array


@dataclass(frozen=True)
class Kernels:
    """Measured kernel times, seconds, all layers of one tensor-parallel rank.

    Attributes:
        tokens: Knots of the dense parts: tokens in the step.
        dense: Named parts (gemm, all_reduce, elementwise), each at every knot.
        sequences: Knots of `per_sequence_s`.
        per_sequence_s: Output head and sampler.
        attention: Attention calls of steps, `seconds` being attention alone; `None` if it was not measured.
        capacity_tokens: KV tokens that fit the GPU: steps beyond cannot happen and weigh less.
        source: Where the numbers come from.
        assumed: Parts that are not measured, as text.
    """

    gpu: Gpu
    model: Model
    tp: int
    dtype: str
    kv_dtype: str
    tokens: Array
    dense: Mapping[str, Array]
    sequences: Array
    per_sequence_s: Array
    attention: Steps | None
    capacity_tokens: float
    source: str
    assumed: str = ""

    @property
    def dense_s(self) -> Array:
        """Sum of the dense parts."""
        return np.sum(list(self.dense.values()), axis=0)

    def sustained(self, share: float) -> "Kernels":
        """The same kernels with matrix products no faster than `share` of the data-sheet rate.

        Tables are timed in short bursts; under steady load a GPU at its power limit lowers its clock.
        """
        operations = 2.0 * self.model.active_layer_weights / self.tp * self.tokens
        slowest = operations / (share * self.gpu.flop_per_s(self.dtype))
        return replace(self, dense={**self.dense, "gemm": np.maximum(self.dense["gemm"], slowest)})

    def without_attention_s(self, steps: Steps) -> Array:
        """Seconds of everything but attention in each of `steps`."""
        dense = read(steps.tokens, self.tokens, self.dense_s)
        return dense + read(steps.sequences, self.sequences, self.per_sequence_s)

    def whole_steps(self, reachable: bool = True) -> Steps:
        """The attention calls as whole iterations.

        Args:
            reachable: Only those whose KV fits the GPU.
        """
        if self.attention is None:
            raise CalibrationError(f"{self.source}: attention was not measured")
        steps = self.attention
        if reachable:
            steps = steps.where(steps.held_tokens <= self.capacity_tokens)
        return steps.timed(steps.seconds + self.without_attention_s(steps))
