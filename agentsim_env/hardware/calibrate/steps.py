"""Iterations and their times: what a profile is fitted to and judged by."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agentsim_env.hardware.profile import Array, Profile

REGIMES = ("decode", "prefill", "mixed")


class Steps(NamedTuple):
    """Iterations, one an entry: equal decodes beside equal prefill chunks.

    Attributes:
        decodes: Sequences that decode.
        context_tokens: Context of each of them, the token that it computes included.
        chunks: Prefill chunks.
        new_tokens: New tokens of each chunk.
        cached_tokens: Tokens cached before each chunk.
        seconds: Measured time.
    """

    decodes: Array
    context_tokens: Array
    chunks: Array
    new_tokens: Array
    cached_tokens: Array
    seconds: Array

    @property
    def kv_tokens(self) -> Array:
        """Tokens of KV that all decodes read."""
        return self.decodes * self.context_tokens

    @property
    def tokens(self) -> Array:
        """Tokens of the step."""
        return self.decodes + self.chunks * self.new_tokens

    @property
    def sequences(self) -> Array:
        """Sequences of the step."""
        return self.decodes + self.chunks

    @property
    def longest_tokens(self) -> Array:
        """Longest context of any sequence of the step."""
        decode = np.where(self.decodes > 0, self.context_tokens, 0.0)
        return np.maximum(decode, np.where(self.chunks > 0, self.new_tokens + self.cached_tokens, 0.0))

    @property
    def held_tokens(self) -> Array:
        """Tokens of KV that all sequences of the step hold."""
        return self.kv_tokens + self.chunks * (self.new_tokens + self.cached_tokens)

    @property
    def regime(self) -> NDArray[np.int64]:
        """Index into `REGIMES`."""
        return np.where(self.chunks == 0, 0, np.where(self.decodes == 0, 1, 2))

    def where(self, keep: NDArray[np.bool_]) -> "Steps":
        """Those entries for which `keep` is true."""
        return Steps(*(column[keep] for column in self))

    def timed(self, seconds: Array) -> "Steps":
        """The same iterations with other times."""
        return self._replace(seconds=seconds)


def predict_s(profile: Profile, steps: Steps) -> Array:
    """`profile.step_s` of every step at once, seconds."""
    mixed = steps.chunks > 0
    attention = predict_attention_s(profile, steps)
    serial = np.where(mixed, profile.serial_mixed_s, profile.serial_pure_s) * steps.longest_tokens
    gpu = read(steps.tokens, profile.dense_tokens, profile.dense_s)
    gpu = gpu + read(steps.sequences, profile.seq_n, profile.seq_s) + np.maximum(attention, serial)
    cpu = profile.cpu_s + profile.cpu_per_seq_s * steps.sequences + profile.cpu_per_token_s * steps.tokens
    return profile.overhead_s + np.where(mixed, profile.chunk_overhead_s, 0.0) + np.maximum(gpu, cpu)


def predict_attention_s(profile: Profile, steps: Steps) -> Array:
    """Attention of every step without its serial floor, seconds."""
    mixed = steps.chunks > 0
    pure_s = read(steps.decodes, profile.dec_n, profile.pure_a_s)
    pure_s = pure_s + read(steps.decodes, profile.dec_n, profile.pure_b_s) * steps.kv_tokens
    mixed_s = read(steps.decodes, profile.dec_n, profile.mixed_a_s)
    mixed_s = mixed_s + read(steps.decodes, profile.dec_n, profile.mixed_b_s) * steps.kv_tokens
    chunk_s = read(steps.new_tokens, profile.pre_c, profile.pre_a_s)
    chunk_s = chunk_s + read(steps.new_tokens, profile.pre_c, profile.pre_b_s) * steps.cached_tokens
    decode_s = np.where(steps.decodes > 0, np.where(mixed, mixed_s, pure_s), 0.0)
    return decode_s + np.where(mixed, steps.chunks * chunk_s, 0.0)


def read(x: Array, knots: Array, values: Array) -> Array:
    """`profile.interpolate` for many points."""
    return basis(x, knots) @ values


def basis(x: Array, knots: Array) -> Array:
    """Weights of the knots' values in the piecewise linear table at `x`, shape (len(x), len(knots))."""
    weights = np.zeros((len(x), len(knots)))
    if len(knots) == 1:
        weights[:, 0] = 1.0
        return weights
    rows = np.arange(len(x))
    left = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(knots) - 2)
    share = np.maximum((x - knots[left]) / (knots[left + 1] - knots[left]), 0.0)
    weights[rows, left] = 1.0 - share
    weights[rows, left + 1] = share
    return weights
