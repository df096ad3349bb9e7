"""Fit the roofline's constants of a GPU to its operator tables, and see how they predict a model that was left out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from agentsim_env.hardware.calibrate.gemm import GemmTable
from agentsim_env.hardware.calibrate.operators import OperatorTables
from agentsim_env.hardware.calibrate.steps import Steps
from agentsim_env.hardware.efficiencies import Efficiencies, Products
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.profile import Array
from agentsim_env.hardware.roofline import product_s

SHORT_S = 20e-6  # calls shorter than this weigh less: many of them make no iteration
SMALLEST_CONTEXT = 128
NOTICEABLE = 0.02  # slowdown of long products below which there is none
LEAST_GAIN = 1e-5  # relative, of a step of the pattern search
SMALLEST_STEP = 1e-3  # of the pattern search, in the logarithm of an unknown
GROUPED = 4  # query heads per KV head at least: the models of today


def fit_efficiencies(
    tables: OperatorTables,
    prior: Efficiencies,
    without_products: Iterable[tuple[int, int]] = (),
    without_heads: Iterable[tuple[int, int]] = (),
    dtypes: Sequence[str] = ("bf16",),
) -> Efficiencies:
    """Constants that explain the operator tables of one GPU.

    Args:
        tables: Operator tables.
        prior: Constants that the tables do not determine are kept from here.
        without_products: Shapes (n, k) of products to leave out.
        without_heads: (query heads, KV heads) of attention to leave out.
        dtypes: Number formats of products to fit.
    """
    missing = list(without_products)
    products = {
        dtype: replace(fit_products(tables.gemm(dtype).without(missing)), sustained=_sustained(prior, dtype))
        for dtype in dtypes
    }
    attention_us, decode = _fit_decode(tables, set(without_heads))
    prefill, prefill_bytes = _fit_prefill(tables, set(without_heads), attention_us)
    return replace(
        prior,
        products={**prior.products, **products},
        attention_us=attention_us,
        decode=decode,
        prefill=prefill,
        prefill_bytes=prefill_bytes,
    )


def _sustained(prior: Efficiencies, dtype: str) -> float:
    return prior.products[dtype].sustained if dtype in prior.products else 1.0


def left_out(tables: OperatorTables, prior: Efficiencies, model: Model, tp: int) -> Efficiencies:
    """Constants fitted without the product shapes and attention heads of `model` at `tp`."""
    attention = model.layer.attention
    heads = (max(1, attention.heads // tp), attention.kv_heads_per_rank(tp))
    return fit_efficiencies(tables, prior, model.layer_products(tp), [heads])


def fit_products(table: GemmTable) -> Products:
    """Constants of matrix products, every octave of m having the same weight."""
    rows = table.rows
    octave = np.round(np.log2(rows["m"]))
    _, which, count = np.unique(octave, return_inverse=True, return_counts=True)
    weight = 1.0 / count[which]

    def error(x: Array) -> float:
        predicted = _products_s(table, Products(*(float(value) for value in x)))
        return float(np.average(_soft(predicted / (rows["us"] * 1e-6) - 1.0), weights=weight))

    start = [3.0, 0.75, 0.9, 2.5, 1.5, 0.2, 1.0]
    lower = [0.01, 0.1, 0.2, 1.0, 0.01, 0.001, 0.1]
    upper = [40.0, 1.3, 1.5, 12.0, 6.0, 3.0, 50.0]
    best = minimise(error, start, lower, upper)
    found = Products(*(round(float(value), 4) for value in best))
    return found if found.slowdown > NOTICEABLE else replace(found, slowdown=0.0, slowdown_ms=1.0)


def _products_s(table: GemmTable, shares: Products) -> Array:
    """`roofline.product_s` over the rows of a table."""
    fit = Efficiencies({table.dtype: shares}, 0.0, 1.0, 1.0, 0.0, 1.0, 0, False, "", "")
    rows = table.rows
    return product_s(rows["m"], rows["n"], rows["k"], fit, table.gpu, table.dtype)


def _fit_decode(tables: OperatorTables, without: set[tuple[int, int]]) -> tuple[float, float]:
    moved, seconds = _rows(tables, without, decode=True)
    rate = tables.gpu.hbm_bytes_per_s

    def error(x: Array) -> float:
        return _weighted(x[0] * 1e-6 + moved / (rate * x[1]), seconds)

    best = minimise(error, [10.0, 0.85], [0.1, 0.2], [60.0, 1.2])
    return round(float(best[0]), 3), round(float(best[1]), 4)


def _fit_prefill(tables: OperatorTables, without: set[tuple[int, int]], attention_us: float) -> tuple[float, float]:
    rows: list[tuple[Array, Array, Array]] = []
    for (heads, kv_heads), steps in _shapes(tables, without):
        part = steps.where((steps.chunks > 0) & (steps.new_tokens >= 64))
        operations = part.chunks * part.new_tokens**2 / 2 * 4 * heads * 128
        rows.append((operations, part.chunks * part.new_tokens * 2 * (heads + kv_heads) * 128 * 2, part.seconds))
    operations, moved, seconds = (np.concatenate(column) for column in zip(*rows, strict=True))
    gpu = tables.gpu

    def error(x: Array) -> float:
        work = operations / (gpu.flop_per_s() * x[0]) + x[1] * moved / gpu.hbm_bytes_per_s
        return _weighted(attention_us * 1e-6 + work, seconds)

    best = minimise(error, [0.55, 1.5], [0.05, 0.01], [1.4, 20.0])
    return round(float(best[0]), 4), round(float(best[1]), 3)


def _rows(tables: OperatorTables, without: set[tuple[int, int]], decode: bool) -> tuple[Array, Array]:
    """Bytes of KV read and seconds of the decode calls that cannot have stayed in the cache."""
    moved, seconds = [], []
    for (_, kv_heads), steps in _shapes(tables, without):
        part = steps.where((steps.chunks == 0) & (steps.context_tokens > SMALLEST_CONTEXT))
        size = part.kv_tokens * 2 * kv_heads * 128 * 2
        outside = (size < 0.05 * tables.gpu.l2_mb * 1e6) | (size > 2 * tables.gpu.l2_mb * 1e6)
        moved.append(size[outside])
        seconds.append(part.seconds[outside])
    return np.concatenate(moved), np.concatenate(seconds)


def _shapes(tables: OperatorTables, without: set[tuple[int, int]]) -> list[tuple[tuple[int, int], Steps]]:
    shapes = tables.attention_shapes("bf16").items()
    return [(heads, steps) for heads, steps in shapes if heads not in without and heads[0] >= GROUPED * heads[1]]


def _weighted(predicted: Array, seconds: Array) -> float:
    return float(np.average(_soft(predicted / seconds - 1.0), weights=np.minimum(1.0, seconds / SHORT_S)))


def _soft(error: Array) -> Array:
    """Squares for small relative errors, absolute values for large ones."""
    return np.sqrt(1.0 + (error / 0.02) ** 2) - 1.0


def minimise(
    error: Callable[[Array], float], start: Sequence[float], lower: Sequence[float], upper: Sequence[float]
) -> Array:
    """Pattern search over positive unknowns: steps by factors, halved in the exponent when none helps."""
    x, best = np.array(start), error(np.array(start))
    step = 0.3
    while step > SMALLEST_STEP:
        improved = False
        for i in range(len(x)):
            for factor in (np.exp(step), np.exp(-step)):
                trial = x.copy()
                trial[i] = np.clip(x[i] * factor, lower[i], upper[i])
                value = error(trial)
                if value < best * (1.0 - LEAST_GAIN):
                    x, best, improved = trial, value, True
        if not improved:
            step /= 2
    return x
