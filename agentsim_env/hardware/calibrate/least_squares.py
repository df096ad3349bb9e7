"""Non-negative least squares with absolute (not squared) relative errors."""

import numpy as np

from agentsim_env.hardware.profile import Array

SWEEPS = 400
TOLERANCE = 1e-7
ROUNDS = 12  # of reweighting
SMALLEST_ERROR = 0.01  # relative errors below one per cent count as squares, so that weights stay finite


def nonnegative(matrix: Array, target: Array, weight: Array, start: Array) -> Array:
    """Minimise the weighted squares of `matrix @ x - target` over x >= 0 by coordinate descent.

    Args:
        matrix: Shape (rows, unknowns), columns of comparable size.
        target: Shape (rows,).
        weight: Of each row's residual, shape (rows,).
        start: First guess, shape (unknowns,).
    """
    weighted = matrix * weight[:, None]
    normal = weighted.T @ weighted
    normal[np.diag_indices_from(normal)] += 1e-12
    right = weighted.T @ (target * weight)
    x = start.copy()
    for _ in range(SWEEPS):
        before = x.copy()
        for i in range(len(x)):
            x[i] = max(0.0, x[i] + (right[i] - normal[i] @ x) / normal[i, i])
        if np.max(np.abs(x - before)) <= TOLERANCE * max(np.max(np.abs(x)), 1e-30):
            break
    return x


def robust(matrix: Array, target: Array, total: Array, importance: Array, floor: Array | None = None) -> Array:
    """Minimise the sum of absolute errors of max(matrix @ x, floor), relative to `total`, over x >= 0.

    Args:
        matrix: Shape (rows, unknowns).
        target: Times to be explained, shape (rows,).
        total: Times that errors are relative to, shape (rows,).
        importance: Weight of each row.
        floor: Lower bound of each prediction; rows at their floor do not pull at x.
    """
    scale = np.maximum(matrix.max(axis=0), 1e-30)
    scaled = matrix / scale
    bound = np.zeros_like(target) if floor is None else floor
    weight = importance / total
    x = np.zeros(matrix.shape[1])
    active = np.ones(len(target), dtype=bool)
    for _ in range(ROUNDS):
        x = nonnegative(scaled[active], target[active], weight[active], x)
        plain = scaled @ x
        error = np.abs(np.maximum(plain, bound) - target) / total
        active = (plain >= bound) | (target > 1.05 * bound)
        weight = importance / total / np.sqrt(np.maximum(error, SMALLEST_ERROR))
    return x / scale
