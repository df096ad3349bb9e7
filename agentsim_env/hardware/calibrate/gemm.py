"""Time of a matrix product of any shape from a table of a few shapes."""

from functools import cached_property

import numpy as np

from agentsim_env.hardware.all_reduce import no_slower_than_larger
from agentsim_env.hardware.calibrate.tables import Table, select
from agentsim_env.hardware.dtypes import WEIGHT_BYTES
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.profile import Array

US = 1e-6
# Rough speed that divides out most of the shape, so that only a smooth remainder is interpolated.
COMPUTE, MEMORY, LAUNCH_S, SHARPNESS = 0.75, 0.9, 2e-6, 3.0
SMOOTHING = 0.02  # of the remainder, against the tuning noise between neighbouring shapes
SPIKE = 0.15  # a product this much slower than one of more rows was timed with a kernel that no engine would choose


class GemmTable:
    """Measured products C[m,n] = A[m,k] B[k,n] of one GPU and number format, seconds.

    At each measured m, the ratio of measured to rough time is interpolated linearly in distance over (log n, log k) and
    is constant far outside. Leaving one of the 19 shapes out and predicting it misses by 6-10 % (mean) in bf16; sums
    over the four products of a layer miss by less.
    """

    def __init__(self, rows: Table, gpu: Gpu, dtype: str) -> None:
        """Keep `rows` (columns m, n, k, us) of `gpu` and `dtype`."""
        self.rows = rows
        self.gpu = gpu
        self.dtype = dtype

    @cached_property
    def m(self) -> Array:
        """Measured numbers of rows, ascending."""
        return np.unique(self.rows["m"])

    def without(self, shapes: list[tuple[int, int]]) -> "GemmTable":
        """The table without the given (n, k)."""
        keep = np.ones(len(self.rows["m"]), dtype=bool)
        for n, k in shapes:
            keep &= (self.rows["n"] != n) | (self.rows["k"] != k)
        return GemmTable({name: column[keep] for name, column in self.rows.items()}, self.gpu, self.dtype)

    def seconds(self, n: int, k: int) -> Array:
        """Time of the product with an (n, k) weight at every measured m."""
        return np.array([self._at(m, n, k) for m in self.m])

    def rough_s(self, m: Array | float, n: Array | float, k: Array | float) -> Array:
        """Roofline with fixed efficiencies."""
        wide = WEIGHT_BYTES[self.dtype]
        compute = 2.0 * m * n * k / (self.gpu.flop_per_s(self.dtype) * COMPUTE)
        memory = (wide * n * k + 2.0 * m * k + 2.0 * m * n) / (self.gpu.hbm_bytes_per_s * MEMORY)
        return np.asarray((compute**SHARPNESS + memory**SHARPNESS) ** (1 / SHARPNESS) + LAUNCH_S)

    def _at(self, m: float, n: int, k: int) -> float:
        here = select(self.rows, m=m)
        same = (here["n"] == n) & (here["k"] == k)
        if same.any():
            return float(here["us"][same][0]) * US
        ratio = np.log(here["us"] * US / self.rough_s(m, here["n"], here["k"]))
        places = np.log(np.column_stack([here["n"], here["k"]]))
        return float(self.rough_s(m, n, k) * np.exp(_interpolate(places, ratio, np.log([n, k]))))


def without_spikes(rows: Table) -> Table:
    """Rows (columns m, n, k, us) in which no product is much slower than the same one with more rows."""
    us = np.array(rows["us"], dtype=np.float64)
    shapes = np.column_stack([rows["n"], rows["k"]])
    for shape in np.unique(shapes, axis=0):
        here = np.flatnonzero((shapes == shape).all(axis=1))
        here = here[np.argsort(rows["m"][here])]
        us[here] = no_slower_than_larger(us[here], SPIKE)
    return {**rows, "us": us}


def _interpolate(places: Array, values: Array, target: Array) -> float:
    """Radial basis functions -|distance| plus a constant, smoothed."""
    count = len(values)
    system = np.ones((count + 1, count + 1))
    system[-1, -1] = 0.0
    system[:count, :count] = -np.linalg.norm(places[:, None] - places[None], axis=2)
    system[np.arange(count), np.arange(count)] += SMOOTHING
    solution = np.linalg.solve(system, np.append(values, 0.0))
    return float(-np.linalg.norm(places - target, axis=1) @ solution[:-1] + solution[-1])
