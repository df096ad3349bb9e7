"""Operator tables in our layout (gemm.csv, attn_prefill.csv, attn_decode.csv, allreduce.csv), as from aiconfigurator.

Layers of any dense model are put together from them: four matrix products, attention for the rank's heads, two
all-reduces.
"""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agentsim_env.hardware.all_reduce import no_slower_than_larger
from agentsim_env.hardware.calibrate.gemm import GemmTable, without_spikes
from agentsim_env.hardware.calibrate.kernels import Kernels
from agentsim_env.hardware.calibrate.problems import CalibrationError
from agentsim_env.hardware.calibrate.steps import Steps
from agentsim_env.hardware.calibrate.tables import Table, read_csv, select
from agentsim_env.hardware.elementwise import elementwise_s
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.kv_capacity import kv_blocks
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.profile import Array
from agentsim_env.hardware.roofline import SAMPLER_PER_SEQUENCE_S, SAMPLER_S, SEQUENCE_KNOTS

US = 1e-6
CUSTOM_ALL_REDUCE_BYTES = 8 << 20  # vLLM hands larger messages to NCCL
ASSUMED = (
    "norms, rotary embedding, activation and sampler from their bytes; decode beside a prefill chunk, the serial floor "
    "and attention to a cached prefix are not in these tables"
)


class OperatorTables:
    """The operator tables of one GPU."""

    def __init__(self, folder: Path, gpu: Gpu) -> None:
        """Read the four files of `folder`; the GPU may go by any of its names there."""
        self.folder = folder
        self.gpu = gpu

    def _file(self, name: str, *columns: str) -> Table:
        table = read_csv(self.folder / name, ("gpu", *columns))
        known = {self.gpu.name, *self.gpu.aliases}
        label = next((label for label in np.unique(table["gpu"]) if label in known), None)
        if label is None:
            measured = ", ".join(np.unique(table["gpu"]))
            raise CalibrationError(f"{self.folder / name}: no rows for {self.gpu.name}; it has {measured}")
        return select(table, gpu=label)

    @cached_property
    def _gemm(self) -> Table:
        return self._file("gemm.csv", "dtype", "m", "n", "k", "us")

    @cached_property
    def _prefill(self) -> Table:
        return self._file("attn_prefill.csv", "b", "isl", "hq", "hkv", "kv", "us")

    @cached_property
    def _decode(self) -> Table:
        return self._file("attn_decode.csv", "b", "ctx", "hq", "hkv", "kv", "us")

    @cached_property
    def _all_reduce(self) -> Table:
        return self._file("allreduce.csv", "impl", "num_gpus", "bytes", "us")

    def gemm(self, dtype: str) -> GemmTable:
        """Matrix products in `dtype`."""
        rows = select(self._gemm, dtype=dtype)
        if not len(rows["m"]):
            raise CalibrationError(f"{self.folder / 'gemm.csv'}: no {dtype} rows for {self.gpu.name}")
        if dtype == "fp8":
            # Odd numbers of rows fall back to kernels of half the speed here; engines pad, or fill an even budget.
            rows = without_spikes(_where(rows, (rows["m"] <= 16) | (rows["m"] % 8 == 0)))
        return GemmTable(rows, self.gpu, dtype)

    def attention(self, model: Model, tp: int, kv_dtype: str) -> Steps:
        """Attention calls of one layer with the heads of one rank, seconds."""
        layer = model.layer.attention
        heads = {"hq": max(1, layer.heads // tp), "hkv": layer.kv_heads_per_rank(tp), "kv": kv_dtype}
        prefill, decode = select(self._prefill, **heads), select(self._decode, **heads)
        if not len(prefill["us"]) or not len(decode["us"]):
            raise CalibrationError(f"{self.folder}: no attention with {heads} for {self.gpu.name}")
        return _steps(prefill, decode)

    def attention_shapes(self, kv_dtype: str) -> dict[tuple[int, int], Steps]:
        """Attention calls of one layer by (query heads, KV heads)."""
        decode, prefill = select(self._decode, kv=kv_dtype), select(self._prefill, kv=kv_dtype)
        shapes = sorted({(int(q), int(kv)) for q, kv in zip(decode["hq"], decode["hkv"], strict=True)})
        return {(q, kv): _steps(select(prefill, hq=q, hkv=kv), select(decode, hq=q, hkv=kv)) for q, kv in shapes}

    def all_reduce_s(self, size_bytes: Array, tp: int) -> Array:
        """Seconds of one all-reduce over `tp` GPUs; 0 on one."""
        if tp == 1:
            return np.zeros_like(size_bytes)
        rows = select(self._all_reduce, num_gpus=tp)
        custom, nccl = select(rows, impl="vLLM_custom_graph"), select(rows, impl="nccl_all_reduce")
        small = _log_interpolate(size_bytes, custom["bytes"], custom["us"])
        large = _log_interpolate(size_bytes, nccl["bytes"], nccl["us"])
        return US * np.where(size_bytes <= CUSTOM_ALL_REDUCE_BYTES, small, large)

    def kernels(
        self,
        model: Model,
        tp: int,
        dtype: str = "bf16",
        kv_dtype: str = "bf16",
        without: Iterable[tuple[int, int]] = (),
    ) -> Kernels:
        """Put the kernels of `model` together.

        Args:
            model: A dense model.
            tp: Tensor-parallel ranks.
            dtype: Format of weights and products.
            kv_dtype: Format of the KV cache.
            without: Shapes (n, k) of products that must not be used, to see how well others predict them.
        """
        if model.expert_layers:
            raise CalibrationError(f"{model.name}: operator tables hold no expert layers")
        table = self.gemm(dtype).without(list(without))
        layer_s = np.sum([table.seconds(n, k) for n, k in model.layer_products(tp)], axis=0)
        attention = self.attention(model, tp, kv_dtype)
        head = self.gemm("bf16")
        head_s = np.interp(SEQUENCE_KNOTS, head.m, head.seconds(model.vocab // tp, model.hidden))
        return Kernels(
            gpu=self.gpu,
            model=model,
            tp=tp,
            dtype=dtype,
            kv_dtype=kv_dtype,
            tokens=table.m,
            dense={
                "gemm": model.layers * layer_s,
                "elementwise": elementwise_s(table.m, self.gpu, model, tp),
                "all_reduce": 2 * model.layers * self.all_reduce_s(2.0 * table.m * model.hidden, tp),
            },
            sequences=SEQUENCE_KNOTS,
            per_sequence_s=head_s + SAMPLER_S + SAMPLER_PER_SEQUENCE_S * SEQUENCE_KNOTS,
            attention=attention.timed(model.layers * attention.seconds),
            capacity_tokens=16.0 * kv_blocks(self.gpu, model, tp, dtype, kv_dtype),
            source=f"{', '.join(FILES)} of {self.gpu.name}: aiconfigurator @ 095f58a5 (vLLM kernels), Apache-2.0",
            assumed=ASSUMED,
        )


FILES = ("gemm.csv", "attn_prefill.csv", "attn_decode.csv", "allreduce.csv")


def _where(table: Table, keep: NDArray[np.bool_]) -> Table:
    return {name: column[keep] for name, column in table.items()}


def _steps(prefill: Table, decode: Table) -> Steps:
    zeros, none = np.zeros_like(prefill["us"]), np.zeros_like(decode["us"])
    return Steps(
        decodes=np.concatenate([zeros, decode["b"]]),
        context_tokens=np.concatenate([zeros, decode["ctx"] + 1]),
        chunks=np.concatenate([prefill["b"], none]),
        new_tokens=np.concatenate([prefill["isl"], none]),
        cached_tokens=np.concatenate([zeros, none]),
        seconds=US * np.concatenate([prefill["us"], decode["us"]]),
    )


def _log_interpolate(x: Array, knots: Array, values: Array) -> Array:
    order = np.argsort(knots)
    times = no_slower_than_larger(values[order])
    return np.exp(np.interp(np.log(np.maximum(x, 1.0)), np.log(knots[order]), np.log(times)))
