"""Time of a tensor-parallel all-reduce: `all_reduce.yaml`, measured; GPUs that are not in it use the nearest one's.

Over NVLink the time is that of the GPU. Over PCIe it varies by 2.5 between machines with the same cards: with the
kernel that the engine may use, and with what stands between the cards. So a link can be named (`links`).
"""

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
Table = Mapping[int, tuple[Array, Array]]  # sizes in bytes and seconds, by GPUs of the group


def all_reduce_s(size_bytes: Array, gpu: Gpu, tp: int, link: str | None = None) -> Array:
    """Seconds of one all-reduce of `size_bytes` over `tp` GPUs of one node; 0 on one GPU.

    Log-linear between measured sizes, at the last measured rate beyond them. Between two and eight GPUs the next larger
    measured group stands in for one that was not measured.

    Args:
        size_bytes: Bytes on each GPU.
        gpu: The GPUs.
        tp: How many.
        link: One of `links`; by default the GPU's own.

    Raises:
        UnknownHardwareError: If no measured group has `tp` or more GPUs, or the link is not known.
    """
    if tp == 1:
        return np.zeros_like(size_bytes)
    table = _tables()[gpu.efficiencies] if link is None else _link_tables()[known_link(link)]
    group = min((size for size in table if size >= tp), default=None)
    if group is None:
        known = ", ".join(map(str, sorted(table)))
        raise UnknownHardwareError(f"tp {tp}: {link or gpu.name} has all-reduce times for {known} GPUs")
    knots, seconds = table[group]
    inside = np.exp(np.interp(np.log(np.maximum(size_bytes, 1.0)), np.log(knots), np.log(seconds)))
    return np.where(size_bytes > knots[-1], seconds[-1] * size_bytes / knots[-1], inside)


def links() -> tuple[str, ...]:
    """Names of the links that were measured."""
    return tuple(_read()["links"])


def known_link(name: str) -> str:
    """Returns the name of a link that was measured.

    Raises:
        UnknownHardwareError: It is not one of `links`.
    """
    if name not in links():
        raise UnknownHardwareError(f"unknown interconnect {name!r}; known: {', '.join(links())}")
    return name


def fuses_norm(link: str | None) -> bool:
    """Whether the norm behind an all-reduce is part of its kernel on a link; `None`: the GPU's own."""
    return link is not None and _read()["links"][known_link(link)].get("fuses_norm", False)


@cache
def _tables() -> Mapping[str, Table]:
    content = _read()
    return {name: _table(content["bytes"], groups) for name, groups in content["microseconds"].items()}


@cache
def _link_tables() -> Mapping[str, Table]:
    content = _read()
    return {
        name: _tables()[entry["as"]]
        if "as" in entry
        else _table(entry.get("bytes", content["bytes"]), entry["microseconds"])
        for name, entry in content["links"].items()
    }


@cache
def _read() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text())


def _table(sizes: list[int], groups: Mapping[int, list[float]]) -> Table:
    knots = np.array(sizes, dtype=np.float64)
    return {group: (knots, no_slower_than_larger(np.array(us) * 1e-6)) for group, us in groups.items()}


def no_slower_than_larger(seconds: Array, tolerance: float = 0.0) -> Array:
    """Times by ascending size, without those that a larger size beats: padding is always open to an engine.

    Args:
        seconds: Times.
        tolerance: Share by which a time must be beaten; smaller differences are noise and stay.
    """
    best = np.minimum.accumulate(seconds[::-1])[::-1]
    return np.where(seconds > (1.0 + tolerance) * best, best, seconds)
