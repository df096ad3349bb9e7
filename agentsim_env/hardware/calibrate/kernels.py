"""Kernel tables of one (GPU, model, tp): the measured parts that an iteration is the sum of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

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

    def without_attention_s(self, steps: Steps) -> Array:
        """Seconds of everything but attention in each of `steps`."""
        dense = read(steps.tokens, self.tokens, self.dense_s)
        return dense + read(steps.sequences, self.sequences, self.per_sequence_s)

    def whole_steps(self) -> Steps:
        """The attention calls as whole iterations, none with more tokens than the dense tables reach."""
        if self.attention is None:
            raise ValueError(f"{self.source}: attention was not measured")
        inside = self.attention.where(self.attention.tokens <= self.tokens[-1])
        return inside.timed(inside.seconds + self.without_attention_s(inside))
