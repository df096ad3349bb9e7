"""Measure all layers over a grid and write dense.csv, per_sequence.csv and attention.csv, in LLMServingSim's layout."""

import csv
import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from agentsim_env.hardware.measure.layers import Layers
from agentsim_env.hardware.measure.timing import seconds
from agentsim_env.hardware.model import Model

if TYPE_CHECKING:
    import torch

Row = tuple[str | int | float, ...]


@dataclass(frozen=True)
class Grid:
    """Where to measure; every axis doubles from its smallest to its largest value.

    Attributes:
        max_tokens: Largest prefill chunk and most tokens in a step.
        max_context_tokens: Longest cached prefix and decode context.
        max_sequences: Most sequences that decode at once.
        min_tokens: Smallest chunk and context of attention.
        repeats: Timed calls per point.
        memory_bytes: Points whose operands are larger are left out.
    """

    max_tokens: int = 2048
    max_context_tokens: int = 16384
    max_sequences: int = 256
    min_tokens: int = 16
    repeats: int = 10
    memory_bytes: float = 16e9

    def tokens(self) -> list[int]:
        """Tokens in a step: every power of two and the value half-way to the next."""
        powers = _doubling(1, self.max_tokens)
        return sorted({*powers, *(3 * p // 2 for p in powers if 2 <= p < self.max_tokens)})

    def attention(self) -> Iterator[tuple[int, int, int, int]]:
        """(chunk, cached, decodes, context) of every attention call."""
        contexts = _doubling(self.min_tokens, self.max_context_tokens)
        batches = _doubling(1, self.max_sequences)
        chunks = _doubling(self.min_tokens, self.max_tokens)
        yield from ((0, 0, n, x) for n in batches for x in contexts)
        yield from ((c, k, 0, 0) for c in chunks for k in (0, *contexts))
        yield from (
            (c, k, n, x) for c in chunks for k in (0, *contexts[::2]) for n in batches[::2] for x in contexts[::2]
        )


def measure(
    model: Model,
    out: Path,
    tp: int = 1,
    device: str = "cuda",
    grid: Grid | None = None,
    report: Callable[[str], None] = print,
) -> Path:
    """Time the layers of one rank and write the tables.

    Args:
        model: A dense model.
        out: Folder to write to; made if it is not there.
        tp: Tensor-parallel ranks that share the model; all-reduce is not measured.
        device: A torch device.
        grid: Where to measure.
        report: Called with a line of progress now and then.

    Returns:
        `out`, which `calibrate` reads.
    """
    import torch

    grid = grid or Grid()
    where = torch.device(device)
    dtype = torch.bfloat16 if where.type == "cuda" else torch.float32
    layers = Layers(model, tp, where, dtype)
    out.mkdir(parents=True, exist_ok=True)
    with torch.inference_mode():
        _write(out / "dense.csv", ("layer", "tokens", "time_us"), _sweep(layers.dense, grid.tokens(), where, grid))
        report("dense layers done")
        sequences = _doubling(1, grid.max_sequences)
        rows = _sweep(layers.per_sequence, sequences, where, grid)
        _write(out / "per_sequence.csv", ("layer", "sequences", "time_us"), rows)
        report("output head and sampler done")
        columns = ("prefill_chunk", "kv_prefill", "n_decode", "kv_decode", "time_us")
        _write(out / "attention.csv", columns, _attention(layers, where, grid, report))
    meta = {
        "model": model.name,
        "tp": tp,
        "device": torch.cuda.get_device_name(where) if where.type == "cuda" else platform.processor() or "cpu",
        "torch": str(torch.__version__),
        "cuda": torch.version.cuda,
        "dtype": str(dtype).removeprefix("torch."),
        "grid": asdict(grid),
    }
    (out / "meta.yaml").write_text(yaml.safe_dump(meta, sort_keys=False))
    return out


def _sweep(
    makers: Callable[[int], dict[str, Callable[[], Callable[[int], object]]]],
    sizes: Iterable[int],
    device: "torch.device",
    grid: Grid,
) -> Iterator[Row]:
    for size in sizes:
        for name, make in makers(size).items():
            yield name, size, _us(make(), device, grid)


def _attention(layers: Layers, device: "torch.device", grid: Grid, report: Callable[[str], None]) -> Iterator[Row]:
    points = [point for point in grid.attention() if layers.attention_bytes(*point) <= grid.memory_bytes]
    for i, point in enumerate(points):
        if i % 500 == 0:
            report(f"attention: {i} of {len(points)} points")
        yield (*point, _us(layers.attention(*point), device, grid))


def _us(call: Callable[[int], object], device: "torch.device", grid: Grid) -> float:
    return round(seconds(call, device, grid.repeats) * 1e6, 3)


def _doubling(start: int, stop: int) -> list[int]:
    values = [start]
    while values[-1] * 2 <= stop:
        values.append(values[-1] * 2)
    return values


def _write(file: Path, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    with file.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(columns)
        writer.writerows(rows)
