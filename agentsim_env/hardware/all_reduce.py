"""Time of a tensor-parallel all-reduce: `all_reduce.yaml`, measured; GPUs that are not in it use the nearest one's."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from agentsim_env.hardware.dtypes import UnknownHardwareError
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.profile import Array

FILE = Path(__file__).parent / "all_reduce.yaml"


def all_reduce_s(size_bytes: Array, gpu: Gpu, tp: int) -> Array:
    """Seconds of one all-reduce of `size_bytes` over `tp` GPUs of one node; 0 on one GPU.

    Log-linear between measured sizes, at the last measured rate beyond them. Between two and eight GPUs the next larger
    measured group stands in for one that was not measured.

    Raises:
        UnknownHardwareError: If no measured group has `tp` or more GPUs.
    """
    if tp == 1:
        return np.zeros_like(size_bytes)
    table = _tables()[gpu.efficiencies]
    group = min((size for size in table if size >= tp), default=None)
    if group is None:
        known = ", ".join(map(str, sorted(table)))
        raise UnknownHardwareError(f"tp {tp}: {gpu.name} has all-reduce times for {known} GPUs")
    knots, seconds = table[group]
    inside = np.exp(np.interp(np.log(np.maximum(size_bytes, 1.0)), np.log(knots), np.log(seconds)))
    return np.where(size_bytes > knots[-1], seconds[-1] * size_bytes / knots[-1], inside)


@cache
def _tables() -> Mapping[str, Mapping[int, tuple[Array, Array]]]:
    content: dict[str, Any] = yaml.safe_load(FILE.read_text())
    knots = np.array(content["bytes"], dtype=np.float64)
    return {
        name: {int(group): (knots, no_slower_than_larger(np.array(us) * 1e-6)) for group, us in groups.items()}
        for name, groups in content["microseconds"].items()
    }


def no_slower_than_larger(seconds: Array, tolerance: float = 0.0) -> Array:
    """Times by ascending size, without those that a larger size beats: padding is always open to an engine.

    Args:
        seconds: Times.
        tolerance: Share by which a time must be beaten; smaller differences are noise and stay.
    """
    best = np.minimum.accumulate(seconds[::-1])[::-1]
    return np.where(seconds > (1.0 + tolerance) * best, best, seconds)
