"""A profile from the data sheet: a dozen constants per GPU turn any model's shape into latency tables.

Seconds of one tensor-parallel rank, with P and B the data-sheet rate and bandwidth, e_* the GPU's fitted efficiencies:

    product (n, k) of N tokens = launch + pnorm(2*N*n*k / (P*e_c), (weights + alpha*activations) / (B*e_w)),
                                 long products being slower by a fitted share (power limit)
    attention call             = launch;  a decode adds KV bytes / (B*e_d)
                                 and a prefill 4*heads*dim*pairs / (P*e_a) + beta*bytes / B
    all-reduce                 = measured table;  small kernels = `elementwise`

`docs/hardware.md` has its errors, each model being predicted from the others' kernels.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import yaml

from agentsim_env.hardware.all_reduce import all_reduce_s
from agentsim_env.hardware.catalog import FOLDER
from agentsim_env.hardware.dtypes import WEIGHT_BYTES
from agentsim_env.hardware.elementwise import elementwise_s
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.overheads import engine_overheads
from agentsim_env.hardware.profile import Array, Profile

SAMPLER_S = 38e-6  # sampler of one sequence, and its growth per further one: B200 Llama-70B layer tables
SAMPLER_PER_SEQUENCE_S = 0.4e-6  # (37.7 us at 1, 88.7 us at 128)
FLASH_2_TILE = 64
TOKEN_KNOTS: Array = np.unique(np.round(np.concatenate([np.arange(1.0, 9.0), np.geomspace(8, 32768, 49)])))
CHUNK_KNOTS: Array = TOKEN_KNOTS
SEQUENCE_KNOTS: Array = np.array([1.0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])


@dataclass(frozen=True)
class Products:
    """Constants of matrix products in one number format: launch, shares of the peak rates, sharpness of the maximum.

    Attributes:
        launch_us: Cost of a product whatever its size, microseconds.
        compute: Share of the data-sheet rate.
        weights: Share of the data-sheet bandwidth.
        sharpness: Exponent of the smooth maximum of compute and memory time.
        activations: Times that inputs and outputs count as memory traffic.
        slowdown: Share by which long products are slower: the clock falls at the power limit.
        slowdown_ms: Length of a product at which half of that has set in, milliseconds.
    """

    launch_us: float
    compute: float
    weights: float
    sharpness: float
    activations: float
    slowdown: float = 0.0
    slowdown_ms: float = 1.0


@dataclass(frozen=True)
class Efficiencies:
    """Fitted constants of one GPU (`efficiencies.yaml`), to be used as a set.

    Attributes:
        products: By number format; one that is missing uses those of the next wider at its own data-sheet rate.
        attention_us: Launch of one attention call, microseconds.
        decode: Share of memory bandwidth at which decodes read KV.
        prefill: Share of the bf16 rate in prefill attention.
        prefill_bytes: Times that a chunk's queries, keys and values count as memory traffic.
        mixed_decode: `decode` when the step also holds a prefill chunk, with four query heads for each KV head.
        serial_tile: Query rows of the tile that walks the longest context alone in such a step; 0: there is no floor.
        measured_mixed: The last two are measured on this GPU, not chosen.
        source: Where the fitted constants come from.
        mixed_source: Where the last two come from.
    """

    products: dict[str, Products]
    attention_us: float
    decode: float
    prefill: float
    prefill_bytes: float
    mixed_decode: float
    serial_tile: int
    measured_mixed: bool
    source: str
    mixed_source: str

    def products_in(self, dtype: str) -> Products:
        """Constants of products in `dtype`."""
        wider = ("fp4", "fp8", "bf16")
        return next(self.products[name] for name in wider[wider.index(dtype) :] if name in self.products)


@cache
def efficiencies(name: str) -> Efficiencies:
    """The fitted constants called `name`."""
    entry: dict[str, Any] = yaml.safe_load((FOLDER / "efficiencies.yaml").read_text())[name]
    products = {dtype: Products(**values) for dtype, values in entry["products"].items()}
    return Efficiencies(**{**entry, "products": products})


def roofline(gpu: Gpu, model: Model, tp: int = 1, dtype: str = "bf16", kv_dtype: str = "bf16") -> Profile:
    """A profile from data-sheet rates and the efficiencies of `gpu`, or of the nearest GPU that has been measured.

    Args:
        gpu: The GPU.
        model: The model.
        tp: Tensor-parallel ranks, one GPU each.
        dtype: Format of the weights: bf16, fp8 or fp4.
        kv_dtype: Format of the KV cache: bf16 or fp8.

    Returns:
        A profile marked `estimated`.
    """
    return roofline_with(efficiencies(gpu.efficiencies), gpu, model, tp, dtype, kv_dtype)


def roofline_with(fit: Efficiencies, gpu: Gpu, model: Model, tp: int, dtype: str, kv_dtype: str) -> Profile:
    """`roofline` with given constants."""
    kv_bytes = model.kv_bytes_per_token(kv_dtype, tp)
    zeros = np.zeros_like(SEQUENCE_KNOTS)
    pair_s = attention_s_per_pair(gpu, model, tp, fit)
    chunk_bytes = model.layers * 2 * model.head_dim * 2 * (max(1, model.heads // tp) + model.kv_heads_per_rank(tp))
    mixed_share = min(fit.decode, fit.mixed_decode * _mixed_reuse(model, fit))
    chunk_s = fit.prefill_bytes * chunk_bytes / gpu.hbm_bytes_per_s
    return Profile(
        dense_tokens=TOKEN_KNOTS,
        dense_s=dense_s(TOKEN_KNOTS, fit, gpu, model, tp, dtype),
        seq_n=SEQUENCE_KNOTS,
        seq_s=per_sequence_s(SEQUENCE_KNOTS, fit, gpu, model, tp),
        dec_n=SEQUENCE_KNOTS,
        pure_a_s=zeros,
        pure_b_s=zeros + kv_bytes / (gpu.hbm_bytes_per_s * fit.decode),
        mixed_a_s=zeros,
        mixed_b_s=zeros + kv_bytes / (gpu.hbm_bytes_per_s * mixed_share),
        pre_c=CHUNK_KNOTS,
        pre_a_s=pair_s * CHUNK_KNOTS**2 / 2 + chunk_s * CHUNK_KNOTS,
        pre_b_s=pair_s * CHUNK_KNOTS,
        serial_pure_s=0.0,
        serial_mixed_s=serial_floor_s(gpu, model, fit),
        gpu=gpu.name,
        model=model.name,
        tp=tp,
        dtype=dtype,
        kv_dtype=kv_dtype,
        source=f"roofline: data sheet of {gpu.name}, efficiencies of {gpu.efficiencies}",
        estimated=True,
        assumed="" if fit.measured_mixed else f"decode beside a prefill chunk: {fit.mixed_source}",
        **engine_overheads(),
    )


def dense_s(tokens: Array, fit: Efficiencies, gpu: Gpu, model: Model, tp: int, dtype: str) -> Array:
    """Seconds of all layers but attention, and of launching attention, at each number of tokens in the step."""
    layer_s = np.sum([product_s(tokens, n, k, fit, gpu, dtype) for n, k in model.layer_products(tp)], axis=0)
    if model.experts:
        layer_s = layer_s + experts_s(tokens, fit, gpu, model, tp, dtype)
    reduce_s = 2 * all_reduce_s(2.0 * tokens * model.hidden, gpu, tp)
    total_s = model.layers * (layer_s + reduce_s + fit.attention_us * 1e-6)
    return total_s + elementwise_s(tokens, gpu, model, tp)


def product_s(tokens: Array, n: Array | int, k: Array | int, fit: Efficiencies, gpu: Gpu, dtype: str) -> Array:
    """Seconds of one product of `tokens` rows with an (n, k) weight."""
    shares, width = fit.products_in(dtype), WEIGHT_BYTES[dtype]
    compute = 2.0 * tokens * n * k / (gpu.flop_per_s(dtype) * shares.compute)
    heat = (compute / (shares.slowdown_ms * 1e-3)) ** 2
    compute = compute * (1.0 + shares.slowdown * heat / (1.0 + heat))
    moved = width * n * k + shares.activations * (min(width, 2.0) * tokens * k + 2.0 * tokens * n)
    return shares.launch_us * 1e-6 + _smooth_max(
        compute, moved / (gpu.hbm_bytes_per_s * shares.weights), shares.sharpness
    )


def experts_s(tokens: Array, fit: Efficiencies, gpu: Gpu, model: Model, tp: int, dtype: str) -> Array:
    """Seconds of the routed experts of one layer: weights of those expected to be woken, work of those chosen."""
    shares = fit.products_in(dtype)
    woken = model.experts * (1.0 - (1.0 - model.experts_per_token / model.experts) ** tokens)
    memory = woken * model.expert_weights * WEIGHT_BYTES[dtype] / tp / (gpu.hbm_bytes_per_s * shares.weights)
    work = 2.0 * tokens * model.experts_per_token * model.expert_weights / tp
    compute = work / (gpu.flop_per_s(dtype) * shares.compute)
    return 2 * shares.launch_us * 1e-6 + _smooth_max(compute, memory, shares.sharpness)


def per_sequence_s(sequences: Array, fit: Efficiencies, gpu: Gpu, model: Model, tp: int) -> Array:
    """Seconds of output head (16-bit, sharded) and sampler."""
    head_s = product_s(sequences, model.vocab // tp, model.hidden, fit, gpu, "bf16")
    return head_s + SAMPLER_S + SAMPLER_PER_SEQUENCE_S * sequences


def attention_s_per_pair(gpu: Gpu, model: Model, tp: int, fit: Efficiencies) -> float:
    """Seconds of prefill attention per (query, key) pair, all layers: 4 operations per head dimension."""
    operations = 4.0 * model.layers * max(1, model.heads // tp) * model.head_dim
    return operations / (gpu.flop_per_s() * fit.prefill)


def serial_floor_s(gpu: Gpu, model: Model, fit: Efficiencies) -> float:
    """Seconds per token that one attention tile needs to walk a context that is not split, all layers.

    One multiprocessor computes `serial_tile` rows against each key. With 64 rows this gives 31 ns a token and layer on
    an RTX 4090 and 20 ns on an RTX PRO 6000, where mixed-batch grids give 32 and 23.
    """
    operations = 4.0 * model.head_dim * fit.serial_tile
    return model.layers * operations / (gpu.flop_per_s() / gpu.sms * fit.prefill)


def _mixed_reuse(model: Model, fit: Efficiencies) -> float:
    """How often a KV head is read for several query heads at once, against a model with four of them.

    FlashAttention-2 (tiles of 64 rows) reads it again for each in such a step: on an RTX PRO 6000 decodes are 1.5-2.2
    times slower with four query heads for each KV head (Llama-3.1-8B), 2.8-3.4 times with eight (Qwen3-32B).
    """
    return 4.0 * model.kv_heads / model.heads if fit.serial_tile == FLASH_2_TILE else 1.0


def _smooth_max(one: Array, other: Array, sharpness: float) -> Array:
    return (one**sharpness + other**sharpness) ** (1.0 / sharpness)
