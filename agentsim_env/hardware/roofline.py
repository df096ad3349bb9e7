"""A profile from the data sheet: a dozen constants per GPU turn any model's shape into latency tables.

Seconds of one tensor-parallel rank, with P and B the data-sheet rate and bandwidth, e_* the GPU's fitted efficiencies:

    product (n, k) of N tokens = launch + pnorm(2*N*n*k / (P*e_c), (weights + alpha*activations) / (B*e_w)),
                                 long products being slower by a fitted share (power limit)
    attention call             = launch;  a decode adds KV bytes / (B*e_d)
                                 and a prefill 4*heads*dim*pairs / (P*e_a) + beta*bytes / B
    all-reduce                 = measured table;  small kernels = `elementwise`

`docs/hardware.md` has its errors, each model being predicted from the others' kernels.
"""

import numpy as np

from agentsim_env.hardware.all_reduce import all_reduce_s
from agentsim_env.hardware.attention_time import attention_tables
from agentsim_env.hardware.dtypes import WEIGHT_BYTES, product_dtype
from agentsim_env.hardware.efficiencies import Efficiencies, efficiencies
from agentsim_env.hardware.elementwise import elementwise_s
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.layers import Experts, Layers
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.overheads import engine_overheads
from agentsim_env.hardware.profile import Array, Profile

SAMPLER_S = 38e-6  # sampler of one sequence, and its growth per further one: B200 Llama-70B layer tables
SAMPLER_PER_SEQUENCE_S = 0.4e-6  # (37.7 us at 1, 88.7 us at 128)
# Of grouped products, where experts have so many rows. 128 fits the table in `experts_s` best; the prefills of
# gpt-oss-120b on an H200 (llmd_p2p_pull_h200.csv) are off by 7 % on average with 128, 5 % with 64, 6 % without tiles.
EXPERT_TILE_ROWS = 64
TOKEN_KNOTS: Array = np.unique(np.round(np.concatenate([np.arange(1.0, 9.0), np.geomspace(8, 32768, 49)])))
CHUNK_KNOTS: Array = TOKEN_KNOTS
SEQUENCE_KNOTS: Array = np.array([1.0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])


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
    attention = attention_tables(fit, gpu, model, tp, kv_dtype)
    return Profile(
        dense_tokens=TOKEN_KNOTS,
        dense_s=dense_s(TOKEN_KNOTS, fit, gpu, model, tp, dtype),
        seq_n=SEQUENCE_KNOTS,
        seq_s=per_sequence_s(SEQUENCE_KNOTS, fit, gpu, model, tp),
        dec_n=SEQUENCE_KNOTS,
        pure_a_s=attention.pure.per_decode_s * SEQUENCE_KNOTS,
        pure_b_s=attention.pure.per_token_s + np.zeros_like(SEQUENCE_KNOTS),
        mixed_a_s=attention.mixed.per_decode_s * SEQUENCE_KNOTS,
        mixed_b_s=attention.mixed.per_token_s + np.zeros_like(SEQUENCE_KNOTS),
        pre_c=CHUNK_KNOTS,
        pre_a_s=attention.pair_s * CHUNK_KNOTS**2 / 2 + attention.new_token_s * CHUNK_KNOTS,
        pre_b_s=attention.pair_s * CHUNK_KNOTS,
        serial_pure_s=0.0,
        serial_mixed_s=attention.serial_floor_s,
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
    layers_s = [alike.count * _layer_s(tokens, fit, gpu, model, alike, tp, dtype) for alike in model.layers_alike]
    return np.sum(layers_s, axis=0) + elementwise_s(tokens, gpu, model, tp)


def _layer_s(tokens: Array, fit: Efficiencies, gpu: Gpu, model: Model, layer: Layers, tp: int, dtype: str) -> Array:
    products = layer.products(model.hidden, tp)
    layer_s = np.zeros_like(tokens)
    if products:
        times = [product_s(tokens, n, k, fit, gpu, model.part_dtype(part, dtype)) for part, n, k in products]
        layer_s = np.sum(times, axis=0)
    if layer.experts is not None:
        form = model.part_dtype("experts", dtype)
        layer_s = layer_s + experts_s(tokens, fit, gpu, layer.experts, model.hidden, tp, form)
    reduce_s = len(layer.parts) * all_reduce_s(2.0 * tokens * model.hidden, gpu, tp)
    return layer_s + reduce_s + len(layer.mixers) * fit.attention_us * 1e-6


def product_s(tokens: Array, n: Array | int, k: Array | int, fit: Efficiencies, gpu: Gpu, dtype: str) -> Array:
    """Seconds of one product of `tokens` rows with an (n, k) weight."""
    shares, width = fit.products_in(dtype), WEIGHT_BYTES[dtype]
    compute = 2.0 * tokens * n * k / (gpu.flop_per_s(dtype) * shares.steady_compute)
    heat = (compute / (shares.slowdown_ms * 1e-3)) ** 2
    compute = compute * (1.0 + shares.slowdown * heat / (1.0 + heat))
    moved = width * n * k + shares.activations * (WEIGHT_BYTES[product_dtype(dtype)] * tokens * k + 2.0 * tokens * n)
    return shares.launch_us * 1e-6 + _smooth_max(
        compute, moved / (gpu.hbm_bytes_per_s * shares.weights), shares.sharpness
    )


def experts_s(tokens: Array, fit: Efficiencies, gpu: Gpu, experts: Experts, hidden: int, tp: int, dtype: str) -> Array:
    """Seconds of the routed experts of one layer: weights of those expected to be woken, work of those chosen.

    A grouped product computes whole tiles: the rows of each woken expert are rounded up to them, by half a tile on
    average. Qwen3-30B-A3B on an RTX PRO 6000 (vLLM 0.19, all 128 experts): 912, 970 and 1,067 us for 512, 1,024 and
    2,048 tokens; 852, 907 and 1,007 so, 839, 868 and 954 without.
    """
    shares, weights = fit.products_in(dtype), experts.expert_weights(hidden)
    woken = experts.count * (1.0 - (1.0 - experts.per_token / experts.count) ** tokens)
    memory = woken * weights * WEIGHT_BYTES[dtype] / tp / (gpu.hbm_bytes_per_s * shares.weights)
    rows = tokens * experts.per_token
    computed = rows + woken * np.minimum(EXPERT_TILE_ROWS, rows / woken) / 2
    compute = 2.0 * computed * weights / tp / (gpu.flop_per_s(dtype) * shares.steady_compute)
    return 2 * shares.launch_us * 1e-6 + _smooth_max(compute, memory, shares.sharpness)


def per_sequence_s(sequences: Array, fit: Efficiencies, gpu: Gpu, model: Model, tp: int) -> Array:
    """Seconds of output head (16-bit, sharded) and sampler."""
    head_s = product_s(sequences, model.vocab // tp, model.hidden, fit, gpu, "bf16")
    return head_s + SAMPLER_S + SAMPLER_PER_SEQUENCE_S * sequences


def _smooth_max(one: Array, other: Array, sharpness: float) -> Array:
    return (one**sharpness + other**sharpness) ** (1.0 / sharpness)
