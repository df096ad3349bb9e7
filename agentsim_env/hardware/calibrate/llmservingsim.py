"""LLMServingSim profile bundles: a folder `tp<N>` with dense.csv, per_sequence.csv, attention.csv and perhaps moe.csv.

Also the flattened copies of them in our own layout (`vllm_layers_rtx.csv`, `vllm_attention_mixed_rtx.csv.gz`).
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agentsim_env.hardware.calibrate.gemm import GemmTable
from agentsim_env.hardware.calibrate.kernels import Kernels
from agentsim_env.hardware.calibrate.steps import Steps
from agentsim_env.hardware.calibrate.tables import Table, read_csv, select
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.kv_capacity import kv_blocks
from agentsim_env.hardware.layers import Experts
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.profile import Array

GEMMS = ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")
ONCE = ("embedding", "final_layernorm")
TWICE_A_LAYER = ("layernorm",)
US = 1e-6
LAYERS_FILE, ATTENTION_FILE = "vllm_layers_rtx.csv", "vllm_attention_mixed_rtx.csv.gz"  # flattened copies


def read_bundle(folder: Path, gpu: Gpu, model: Model, tp: int) -> Kernels:
    """Read `folder` (the one that holds dense.csv) of a bundle as LLMServingSim's profiler writes it."""
    dense = read_csv(folder / "dense.csv", ("layer", "tokens", "time_us"))
    head = read_csv(folder / "per_sequence.csv", ("layer", "sequences", "time_us"))
    attention = read_csv(folder / "attention.csv", ("prefill_chunk", "kv_prefill", "n_decode", "kv_decode", "time_us"))
    layers = {
        "table": np.array(["dense"] * len(dense["layer"]) + ["per_sequence"] * len(head["layer"])),
        "layer": np.concatenate([dense["layer"], head["layer"]]),
        "x": np.concatenate([dense["tokens"], head["sequences"]]),
        "us": np.concatenate([dense["time_us"], head["time_us"]]),
    }
    if (folder / "moe.csv").is_file():
        layers = _append_moe(layers, read_csv(folder / "moe.csv", ("tokens", "activated_experts", "time_us")))
    attention["us"] = attention["time_us"]
    return kernels(layers, attention, gpu, model, tp, f"LLMServingSim bundle {folder.parent.parent.name}/{folder.name}")


def find_flat(folder: Path, gpu: Gpu, model: Model, tp: int) -> Kernels | None:
    """Read the rows of one GPU, model and tp from the flattened copies in `folder`; `None` if there are none."""
    layers = _rows(folder / LAYERS_FILE, ("table", "layer", "x", "us"), gpu, model, tp)
    if not len(layers["us"]):
        return None
    columns = ("prefill_chunk", "kv_prefill", "n_decode", "kv_decode", "us")
    attention = _rows(folder / ATTENTION_FILE, columns, gpu, model, tp)
    source = f"{LAYERS_FILE}, {ATTENTION_FILE}: LLMServingSim @ 5daddb21 (vLLM 0.19), MIT"
    return kernels(layers, attention, gpu, model, tp, source)


def _rows(file: Path, columns: Sequence[str], gpu: Gpu, model: Model, tp: int) -> Table:
    table = read_csv(file, ("gpu", "model", "tp", *columns))
    card = {label for label in np.unique(table["gpu"]) if label in {gpu.name, *gpu.aliases}}
    ours = {label for label in np.unique(table["model"]) if label in {model.name, *model.aliases}}
    return select(table, gpu=next(iter(card), None), model=next(iter(ours), None), tp=tp)


def products(folder: Path, gpu: Gpu, models: Iterable[tuple[Model, int]]) -> GemmTable:
    """The matrix products of several (model, tp) of one GPU in the flattened copy, with their exact shapes."""
    columns: dict[str, list[NDArray]] = {"m": [], "n": [], "k": [], "us": []}
    for model, tp in models:
        table = _rows(folder / LAYERS_FILE, ("table", "layer", "x", "us"), gpu, model, tp)
        for layer, (n, k) in zip(GEMMS, model.layer_products(tp), strict=True):
            rows = select(table, layer=layer)
            columns["m"].append(rows["x"])
            columns["n"].append(np.full_like(rows["x"], n))
            columns["k"].append(np.full_like(rows["x"], k))
            columns["us"].append(rows["us"])
    return GemmTable({column: np.concatenate(values) for column, values in columns.items()}, gpu, "bf16")


def kernels(layers: Table, attention: Table, gpu: Gpu, model: Model, tp: int, source: str) -> Kernels:
    """Add the layers of a bundle up to a whole rank; all-reduce is not among them."""
    tokens = np.unique(select(layers, table="dense")["x"])
    parts = {"gemm": np.zeros_like(tokens), "elementwise": np.zeros_like(tokens)}
    dense = select(layers, table="dense")
    for name in np.unique(dense["layer"]):
        row = select(dense, layer=name)
        times = 1 if name in ONCE else model.layers * (2 if name in TWICE_A_LAYER else 1)
        parts["gemm" if name in GEMMS else "elementwise"] += times * US * _at(tokens, row["x"], row["us"])
    if (experts := model.layer.experts) is not None:
        parts["experts"] = model.layers * US * _experts_us(select(layers, table="moe"), tokens, experts)
    tokens, parts = _extended(tokens, parts)
    per_sequence = select(layers, table="per_sequence")
    sequences = np.unique(per_sequence["x"])
    head = [select(per_sequence, layer=name) for name in np.unique(per_sequence["layer"])]
    return Kernels(
        gpu=gpu,
        model=model,
        tp=tp,
        dtype="bf16",
        kv_dtype="bf16",
        tokens=tokens,
        dense=parts,
        sequences=sequences,
        per_sequence_s=US * np.sum([_at(sequences, row["x"], row["us"]) for row in head], axis=0),
        attention=_attention(attention, model.layers) if len(attention["us"]) else None,
        capacity_tokens=16.0 * kv_blocks(gpu, model, tp),
        source=source,
        assumed=f"steps beyond {int(dense['x'].max())} tokens: extrapolated",
    )


def _extended(tokens: Array, parts: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
    """Three more octaves of tokens at the slope of the last one measured: neighbouring knots are too noisy for that.

    A time that falls there is noise too: more tokens never take less.
    """
    half = int(np.argmin(np.abs(tokens - tokens[-1] / 2)))
    beyond = tokens[-1] * np.array([2.0, 4.0, 8.0])
    longer: dict[str, Array] = {}
    for name, values in parts.items():
        slope = max(0.0, (values[-1] - values[half]) / (tokens[-1] - tokens[half]))
        longer[name] = np.append(values, values[-1] + slope * (beyond - tokens[-1]))
    return np.append(tokens, beyond), longer


def _attention(rows: Table, layers: int) -> Steps:
    chunk = rows["prefill_chunk"]
    decodes = rows["n_decode"]
    return Steps(
        decodes=decodes,
        context_tokens=np.where(decodes > 0, rows["kv_decode"] + 1, 0.0),
        chunks=(chunk > 0).astype(np.float64),
        new_tokens=chunk,
        cached_tokens=np.where(chunk > 0, rows["kv_prefill"], 0.0),
        seconds=layers * US * rows["us"],
    )


def _experts_us(rows: Table, tokens: Array, experts: Experts) -> Array:
    """Expert MLPs of one layer with as many experts active as uniform routing is expected to wake."""
    active = {name: float(name.rsplit("_", 1)[1]) for name in np.unique(rows["layer"])}
    by_count = sorted(active, key=lambda name: active[name])
    counts = np.array([active[name] for name in by_count])
    curves = [select(rows, layer=name) for name in by_count]
    expected = experts.count * (1.0 - (1.0 - experts.per_token / experts.count) ** tokens)
    result = np.empty_like(tokens)
    for i, (x, awake) in enumerate(zip(tokens, expected, strict=True)):
        result[i] = np.interp(awake, counts, [float(_at(np.array([x]), c["x"], c["us"])[0]) for c in curves])
    return result


def _append_moe(layers: Table, moe: Table) -> Table:
    names = np.array([f"moe_experts_{int(count)}" for count in moe["activated_experts"]])
    more = {"table": np.array(["moe"] * len(names)), "layer": names, "x": moe["tokens"], "us": moe["time_us"]}
    return {name: np.concatenate([layers[name], more[name]]) for name in layers}


def _at(x: Array, knots: Array, values: Array) -> Array:
    order = np.argsort(knots)
    return np.interp(x, knots[order], values[order])
