"""Median time of a call on a torch device."""

import time
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

WARM_UP = 3


def seconds(call: Callable[[int], object], device: "torch.device", repeats: int) -> float:
    """Median time of `call(i)`, i counting up so that it can take turns between copies of its operands.

    Args:
        call: What to time; on a GPU it only launches kernels.
        device: Where it runs.
        repeats: Timed calls, after a few that are not.

    Returns:
        Seconds of one call.
    """
    for i in range(WARM_UP):
        call(i)
    if device.type != "cuda":
        times: list[float] = []
        for i in range(repeats):
            start = time.perf_counter()
            call(WARM_UP + i)
            times.append(time.perf_counter() - start)
        return median(times)
    return _cuda_seconds(call, repeats)


def _cuda_seconds(call: Callable[[int], object], repeats: int) -> float:
    import torch

    starts = [torch.cuda.Event(enable_timing=True) for _ in range(repeats)]
    ends = [torch.cuda.Event(enable_timing=True) for _ in range(repeats)]
    # Kernels queue behind this one, so that the GPU never waits for Python between two of them.
    torch.cuda._sleep(20_000_000)
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        start.record()
        call(WARM_UP + i)
        end.record()
    torch.cuda.synchronize()
    return median(start.elapsed_time(end) for start, end in zip(starts, ends, strict=True)) * 1e-3
