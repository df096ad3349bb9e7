"""Vidur profiling tables: mlp.csv and attention.csv as its profiler writes them, or our `vidur_layer_ops.csv`."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agentsim_env.hardware.calibrate.gemm import GemmTable
from agentsim_env.hardware.calibrate.kernels import Kernels
from agentsim_env.hardware.calibrate.problems import CalibrationError
from agentsim_env.hardware.calibrate.steps import Steps
from agentsim_env.hardware.calibrate.tables import read_csv, select
from agentsim_env.hardware.efficiencies import efficiencies
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.kv_capacity import kv_blocks
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.roofline import SEQUENCE_KNOTS, per_sequence_s

GEMMS = ("attn_pre_proj", "attn_post_proj", "mlp_up_proj", "mlp_down_proj")
SMALL = ("input_layernorm", "post_attention_layernorm", "attn_rope", "mlp_act", "add")
ONCE = "emb"
US, MS = 1e-6, 1e-3
ASSUMED = "output head and sampler (roofline)"


def read_flat(file: Path, gpu: Gpu, model: Model, tp: int) -> Kernels:
    """Read the rows of one GPU, model and tp from the flattened copy (microseconds); it has no attention."""
    table = read_csv(file, ("gpu", "model", "tp", "tokens", *GEMMS))
    known = {model.name, *model.aliases}
    label = next((name for name in np.unique(table["model"]) if name in known), None)
    rows = select(table, gpu=gpu.name, model=label, tp=tp)
    if not len(rows["tokens"]):
        raise CalibrationError(f"{file}: no rows for {gpu.name}, {model.name}, tp {tp}")
    source = f"{file.name}: Vidur @ 7d475133, MIT"
    return _kernels(rows, rows["tokens"], US, None, gpu, model, tp, source)


def read_profile(folder: Path, gpu: Gpu, model: Model, tp: int) -> Kernels:
    """Read mlp.csv, and attention.csv if it is there, of a folder as Vidur's profiler writes it (milliseconds)."""
    mlp = read_csv(folder / "mlp.csv", ("num_tokens", "num_tensor_parallel_workers", _median(GEMMS[0])))
    rows = select(mlp, num_tensor_parallel_workers=tp)
    if not len(rows["num_tokens"]):
        raise CalibrationError(f"{folder / 'mlp.csv'}: no rows for tp {tp}")
    layers = {name: rows[_median(name)] for name in (*GEMMS, *SMALL, ONCE) if _median(name) in rows}
    attention = _attention(folder / "attention.csv", tp) if (folder / "attention.csv").is_file() else None
    return _kernels(layers, rows["num_tokens"], MS, attention, gpu, model, tp, f"Vidur profile {folder.name}")


def _kernels(
    layers: Mapping[str, NDArray],
    rows_tokens: NDArray,
    unit_s: float,
    attention: Steps | None,
    gpu: Gpu,
    model: Model,
    tp: int,
    source: str,
) -> Kernels:
    tokens, first = np.unique(rows_tokens, return_index=True)

    def total(names: tuple[str, ...]) -> NDArray:
        return unit_s * np.sum([np.nan_to_num(layers[name][first]) for name in names if name in layers], axis=0)

    parts = {"gemm": model.layers * total(GEMMS), "elementwise": model.layers * total(SMALL)}
    if ONCE in layers:
        parts["elementwise"] = parts["elementwise"] + total((ONCE,))
    return Kernels(
        gpu=gpu,
        model=model,
        tp=tp,
        dtype="bf16",
        kv_dtype="bf16",
        tokens=tokens,
        dense=parts,
        sequences=SEQUENCE_KNOTS,
        per_sequence_s=per_sequence_s(SEQUENCE_KNOTS, efficiencies(gpu.efficiencies), gpu, model, tp),
        attention=attention if attention is None else attention.timed(attention.seconds * model.layers),
        capacity_tokens=16.0 * kv_blocks(gpu, model, tp),
        source=source,
        assumed=ASSUMED if attention is not None else f"{ASSUMED}, attention (roofline)",
    )


def _attention(file: Path, tp: int) -> Steps:
    """Prefill and decode calls of one layer; each row is one or the other."""
    columns = ("num_tensor_parallel_workers", "batch_size", "prefill_chunk_size", "kv_cache_size", "is_prefill")
    table = select(read_csv(file, columns), num_tensor_parallel_workers=tp)
    prefill = np.char.lower(table["is_prefill"].astype(str)) == "true"
    decode_ms, prefill_ms = table[_median("attn_decode")], table[_median("attn_prefill")]
    batch, cached = table["batch_size"], table["kv_cache_size"]
    return Steps(
        decodes=np.where(prefill, 0.0, batch),
        context_tokens=np.where(prefill, 0.0, cached + 1),
        chunks=np.where(prefill, batch, 0.0),
        new_tokens=np.where(prefill, table["prefill_chunk_size"], 0.0),
        cached_tokens=np.where(prefill, cached, 0.0),
        seconds=MS * np.where(prefill, np.nan_to_num(prefill_ms), np.nan_to_num(decode_ms)),
    )


def products(file: Path, gpu: Gpu, shapes: Mapping[str, tuple[Model, int]]) -> GemmTable:
    """The matrix products of several (model, tp) of one GPU in the flattened copy, with their exact shapes.

    Args:
        file: `vidur_layer_ops.csv`.
        gpu: The GPU.
        shapes: Model and tp by "name/tp" as they occur in the file.
    """
    table = read_csv(file, ("gpu", "model", "tp", "tokens", *GEMMS))
    columns: dict[str, list[NDArray]] = {"m": [], "n": [], "k": [], "us": []}
    for label, (model, tp) in shapes.items():
        rows = select(table, gpu=gpu.name, model=label.rsplit("/", 1)[0], tp=tp)
        for name, (n, k) in zip(GEMMS, model.layer_products(tp), strict=True):
            columns["m"].append(rows["tokens"])
            columns["n"].append(np.full_like(rows["tokens"], n))
            columns["k"].append(np.full_like(rows["tokens"], k))
            columns["us"].append(rows[name])
    return GemmTable({name: np.concatenate(column) for name, column in columns.items()}, gpu, "bf16")


def _median(name: str) -> str:
    return f"time_stats.{name}.median"
