"""The latency of one iteration: a handful of small tables, and the formula that reads them.

`Profile.iteration_s` is the definition in plain numpy; `engine/latency/iteration_time.py` holds the compiled twin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

TABLES: dict[str, tuple[str, ...]] = {
    "dense_tokens": ("dense_s",),
    "seq_n": ("seq_s",),
    "dec_n": ("pure_a_s", "pure_b_s", "mixed_a_s", "mixed_b_s"),
    "pre_c": ("pre_a_s", "pre_b_s"),
}


@dataclass(frozen=True, eq=False)
class Profile:
    """Latency tables of one (GPU, model, tp, dtype), for all layers of one tensor-parallel rank.

    With N tokens in the step (one a decode plus the chunks' new tokens), n sequences, nd decodes, KV the sum of the
    decodes' contexts (the new token included), and prefill chunks of c new tokens on k cached ones:

        gpu = dense(N) + per_seq(n) + max(D + A, serial * longest context in the step)
        D   = a(nd) + b(nd) * KV, with the pure tables if no chunk is in the step, else the mixed ones; 0 if nd == 0
        A   = sum over chunks of a_pre(c) + b_pre(c) * k
        t   = overhead + [a chunk in the step] * chunk_overhead + max(gpu, cpu + cpu_per_seq * n + cpu_per_token * N)

    Tables are linear between knots, constant below the first and extrapolated from the last two above the last.

    Attributes:
        dense_tokens: Knots of `dense_s`: GEMMs, norms, rope, activations, embedding, all-reduce.
        seq_n: Knots of `seq_s`: output head, sampler, per-sequence work.
        dec_n: Knots of the decode attention tables; `*_a_s` seconds, `*_b_s` seconds per token of KV.
        pre_c: Knots of the prefill attention tables; `pre_a_s` seconds, `pre_b_s` seconds per cached token.
        overhead_s: Seconds of every step in which the GPU waits.
        cpu_s: Floor of a step, with `cpu_per_seq_s` and `cpu_per_token_s`: what the CPU needs to launch it.
        serial_pure_s: Seconds per token of the longest context below which attention cannot go; 0 is off.
        serial_mixed_s: The same when the step holds a prefill chunk.
        chunk_overhead_s: Seconds more of every step that holds a prefill chunk, which no full CUDA graph covers.
        source: Where the numbers come from.
        estimated: Not (wholly) measured on this GPU with this model.
        error: The fit's own error, as text.
        assumed: Parts that are not measured although the rest is, as text.
        parts: What `dense_s` is the sum of, by name, where that is known.
    """

    dense_tokens: Array
    dense_s: Array
    seq_n: Array
    seq_s: Array
    dec_n: Array
    pure_a_s: Array
    pure_b_s: Array
    mixed_a_s: Array
    mixed_b_s: Array
    pre_c: Array
    pre_a_s: Array
    pre_b_s: Array
    overhead_s: float
    cpu_s: float
    cpu_per_seq_s: float
    cpu_per_token_s: float
    serial_pure_s: float
    serial_mixed_s: float
    chunk_overhead_s: float = 0.0
    gpu: str = ""
    model: str = ""
    tp: int = 1
    dtype: str = "bf16"
    kv_dtype: str = "bf16"
    source: str = ""
    estimated: bool = False
    error: str = ""
    assumed: str = ""
    parts: Mapping[str, Array] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Make the tables read-only float64 and check their shapes."""
        for knots_name, names in TABLES.items():
            knots = self._freeze(knots_name)
            if len(knots) == 0 or np.any(np.diff(knots) <= 0):
                raise ValueError(f"profile {self.gpu}/{self.model}: {knots_name} must increase")
            for name in names:
                values = self._freeze(name)
                if values.shape != knots.shape:
                    raise ValueError(f"profile {self.gpu}/{self.model}: {name} and {knots_name} differ in length")
                if not np.all(np.isfinite(values)):
                    raise ValueError(f"profile {self.gpu}/{self.model}: {name} is not finite")

    def _freeze(self, name: str) -> Array:
        values = np.array(getattr(self, name), dtype=np.float64)
        values.setflags(write=False)
        object.__setattr__(self, name, values)
        return values

    def iteration_s(
        self,
        contexts: Sequence[int] | NDArray[np.integer] = (),
        chunks: Sequence[tuple[int, int]] = (),
    ) -> float:
        """Seconds of one iteration.

        Args:
            contexts: Context length of each decode, the token that it computes included.
            chunks: (new tokens, cached tokens) of each prefill chunk.

        Returns:
            Seconds; 0 for an empty step.
        """
        decodes = len(contexts)
        sequences = decodes + len(chunks)
        if sequences == 0:
            return 0.0
        longest = max([*contexts, *(new + cached for new, cached in chunks)])
        return self.step_s(decodes, float(np.sum(contexts)) if decodes else 0.0, chunks, longest)

    def step_s(
        self, decodes: int, kv_tokens: float, chunks: Sequence[tuple[int, int]] = (), longest_tokens: float = 0.0
    ) -> float:
        """Seconds of one iteration, from the aggregates that the engine keeps.

        Args:
            decodes: Sequences that decode.
            kv_tokens: Sum of their contexts, new tokens included.
            chunks: (new tokens, cached tokens) of each prefill chunk.
            longest_tokens: Longest context of any sequence in the step.
        """
        tokens = decodes + sum(new for new, _ in chunks)
        sequences = decodes + len(chunks)
        attention = self.decode_s(decodes, kv_tokens, mixed=bool(chunks))
        attention += sum(self.chunk_s(new, cached) for new, cached in chunks)
        serial = (self.serial_mixed_s if chunks else self.serial_pure_s) * longest_tokens
        gpu = self.dense_layers_s(tokens) + self.sequences_s(sequences) + max(attention, serial)
        cpu = self.cpu_s + self.cpu_per_seq_s * sequences + self.cpu_per_token_s * tokens
        return self.overhead_s + (self.chunk_overhead_s if chunks else 0.0) + max(gpu, cpu)

    def dense_layers_s(self, tokens: float) -> float:
        """Everything that depends on the tokens of the step alone."""
        return interpolate(tokens, self.dense_tokens, self.dense_s)

    def sequences_s(self, sequences: float) -> float:
        """Output head, sampler and other work per sequence."""
        return interpolate(sequences, self.seq_n, self.seq_s)

    def decode_s(self, decodes: int, kv_tokens: float, mixed: bool = False) -> float:
        """Attention of the decodes over `kv_tokens` tokens of KV in total."""
        if decodes == 0:
            return 0.0
        a_s, b_s = (self.mixed_a_s, self.mixed_b_s) if mixed else (self.pure_a_s, self.pure_b_s)
        return interpolate(decodes, self.dec_n, a_s) + interpolate(decodes, self.dec_n, b_s) * kv_tokens

    def chunk_s(self, new_tokens: float, cached_tokens: float) -> float:
        """Attention of one prefill chunk."""
        a_s = interpolate(new_tokens, self.pre_c, self.pre_a_s)
        return a_s + interpolate(new_tokens, self.pre_c, self.pre_b_s) * cached_tokens

    def prefill_s(self, tokens: int, cached_tokens: int = 0, chunk_tokens: int = 2048) -> float:
        """Seconds to prefill one prompt alone, in chunks: what estimates of TTFT and of recomputation need."""
        total, done = 0.0, 0
        while done < tokens:
            new = min(chunk_tokens, tokens - done)
            total += self.iteration_s(chunks=[(new, cached_tokens + done)])
            done += new
        return total

    def replace(self, **changes: object) -> "Profile":
        """A copy with some fields changed."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return Profile(**{**values, **changes})


def interpolate(x: float, knots: Array, values: Array) -> float:
    """Linear between knots, the first value below the first, the last two extended beyond the last."""
    if x <= knots[-1] or len(knots) == 1:
        return float(np.interp(x, knots, values))
    slope = (values[-1] - values[-2]) / (knots[-1] - knots[-2])
    return float(values[-1] + slope * (x - knots[-1]))
