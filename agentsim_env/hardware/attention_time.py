"""Seconds of attention and of recurrent states, as the terms of a profile that are affine in the context.

A decode reads, in every layer, the KV of its context once: all of it, the last `window` tokens, or a latent that all
heads share, where arithmetic can take longer than memory. A recurrent state is read and written whole. Layers with a
window cost what they cost once the context is longer than the window, also before.
"""

from dataclasses import dataclass
from typing import NamedTuple

from agentsim_env.hardware.dtypes import KV_BYTES
from agentsim_env.hardware.efficiencies import Efficiencies
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.layers import Attention, Indexer, LatentAttention, Mixer, Recurrence
from agentsim_env.hardware.model import Model

FLASH_2_TILE = 64


class Decode(NamedTuple):
    """Seconds of attention in a step of decodes, all layers: for each decode, and for each token of KV."""

    per_decode_s: float
    per_token_s: float


@dataclass(frozen=True)
class AttentionTables:
    """The terms of attention in a profile, all layers of one rank.

    Attributes:
        pure: Decodes in a step without a prefill chunk.
        mixed: Decodes beside one.
        pair_s: Seconds of a (new token, token of the context) pair of a prefill.
        new_token_s: Seconds of a new token of a prefill whatever the context.
        serial_floor_s: Seconds per token of the longest context below which a step with a chunk cannot go.
    """

    pure: Decode
    mixed: Decode
    pair_s: float
    new_token_s: float
    serial_floor_s: float


def attention_tables(fit: Efficiencies, gpu: Gpu, model: Model, tp: int, kv_dtype: str) -> AttentionTables:
    """The attention terms of `model` on one of `tp` ranks."""
    return AttentionTables(
        pure=_decode(fit, gpu, model, tp, kv_dtype, mixed=False),
        mixed=_decode(fit, gpu, model, tp, kv_dtype, mixed=True),
        pair_s=_prefill_pair_operations(gpu, model, tp) / (gpu.flop_per_s() * fit.prefill),
        new_token_s=_new_token_s(fit, gpu, model, tp),
        serial_floor_s=serial_floor_s(gpu, model, fit),
    )


def _decode(fit: Efficiencies, gpu: Gpu, model: Model, tp: int, kv_dtype: str, mixed: bool) -> Decode:
    rate, width = gpu.flop_per_s() * fit.prefill, KV_BYTES[kv_dtype]
    per_decode_s = per_token_s = 0.0
    for count, mixer in model.mixers():
        bandwidth = gpu.hbm_bytes_per_s * (_mixed_share(mixer, fit) if mixed else fit.decode)
        if isinstance(mixer, Recurrence):
            per_decode_s += count * 2 * mixer.state_bytes / tp / bandwidth
        elif isinstance(mixer, LatentAttention):
            latent_s = max(
                count * mixer.kv_values_per_token(tp) * width / bandwidth, count * mixer.decode_operations(tp) / rate
            )
            if mixer.indexer is None:
                per_token_s += latent_s
            else:
                per_decode_s += mixer.indexer.top_k * latent_s
                index_bytes = count * mixer.indexer.kv_bytes_per_token
                per_token_s += max(index_bytes / bandwidth, count * _index_operations(gpu, mixer.indexer) / rate)
        else:
            read_s = count * mixer.read_values_per_token(tp) * width / bandwidth
            if mixer.window is None:
                per_token_s += read_s
            else:
                per_decode_s += (mixer.mean_window or mixer.window) * read_s
    return Decode(per_decode_s, per_token_s)


def _prefill_pair_operations(gpu: Gpu, model: Model, tp: int) -> float:
    total = 0.0
    for count, mixer in model.growing():
        if isinstance(mixer, LatentAttention) and mixer.indexer is not None:
            total += count * _index_operations(gpu, mixer.indexer)
        else:
            total += count * mixer.prefill_operations(tp)
    return total


def _index_operations(gpu: Gpu, indexer: Indexer) -> float:
    """Operations of scoring one token, in fp8, as so many in 16 bits."""
    return indexer.operations * gpu.flop_per_s() / gpu.flop_per_s("fp8")


def _new_token_s(fit: Efficiencies, gpu: Gpu, model: Model, tp: int) -> float:
    moved = 0
    operations = 0.0
    for count, mixer in model.mixers():
        if isinstance(mixer, Recurrence):
            operations += count * mixer.operations(tp)
            moved += count * 2 * ((mixer.input_width + mixer.output_width) // tp)
            continue
        moved += count * 2 * mixer.moved_values_per_token(tp)
        if isinstance(mixer, LatentAttention) and mixer.indexer is not None:
            operations += count * mixer.indexer.top_k * mixer.decode_operations(tp)
        elif isinstance(mixer, Attention) and mixer.window is not None:
            operations += count * (mixer.mean_window or mixer.window) * mixer.prefill_operations(tp)
    return operations / (gpu.flop_per_s() * fit.prefill) + fit.prefill_bytes * moved / gpu.hbm_bytes_per_s


def serial_floor_s(gpu: Gpu, model: Model, fit: Efficiencies) -> float:
    """Seconds per token that one attention tile needs to walk a context that is not split, all layers.

    One multiprocessor computes `serial_tile` rows against each key. With 64 rows this gives 31 ns a token and layer on
    an RTX 4090 and 20 ns on an RTX PRO 6000, where mixed-batch grids give 32 and 23.
    """
    operations = 0.0
    for count, mixer in model.growing():
        if isinstance(mixer, Attention):
            operations += count * 2.0 * (mixer.head_dim + mixer.value_dim) * fit.serial_tile
        elif mixer.indexer is None:
            operations += count * 2.0 * (mixer.nope_dim + mixer.rope_dim + mixer.value_dim) * fit.serial_tile
    return operations / (gpu.flop_per_s() / gpu.sms * fit.prefill)


def _mixed_share(mixer: Mixer, fit: Efficiencies) -> float:
    """Share of the memory bandwidth at which decodes read beside a prefill chunk.

    FlashAttention-2 (tiles of 64 rows) reads a KV head again for each of its query heads in such a step; the constant
    is for four. On an RTX PRO 6000 decodes are 1.5-2.2 times slower with four query heads for each KV head
    (Llama-3.1-8B), 2.8-3.4 times with eight (Qwen3-32B).
    """
    reuse = 1.0
    if fit.serial_tile == FLASH_2_TILE and isinstance(mixer, Attention):
        reuse = 4.0 * mixer.kv_heads / mixer.heads
    return min(fit.decode, fit.mixed_decode * reuse)
