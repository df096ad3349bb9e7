"""The weights that a search begins with."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from agentsim_env.policies.weights import LinearWeights, PooledWeights, Weights, pooled_shapes
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.evolution_strategy import ALGORITHM
from agentsim_env.training.hyperparameters import width_of


def initial_weights(values: Mapping[str, Any], n_features: int, seed: int) -> Weights:
    """Zeros for a linear policy; for a network normal numbers that keep the size of what goes through a layer.

    Args:
        values: Hyper-parameters: `policy`, and for a network `width`.
        n_features: Columns of a row.
        seed: Of the run.

    Raises:
        TrainingError: There is no such policy.
    """
    policy = values["policy"]
    if policy == "LinearPolicy":
        return LinearWeights(np.zeros((n_features, 1), np.float32))
    if policy != "CandidatePolicy":
        raise TrainingError(f"no policy {policy!r} for es; there are: LinearPolicy, CandidatePolicy")
    rng = np.random.default_rng((seed, n_features))
    shapes = pooled_shapes(n_features, width_of(ALGORITHM, values))
    return PooledWeights(**{name: _layer(rng, shape) for name, shape in shapes.items()})


def _layer(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of a layer; biases are 0."""
    if len(shape) == 1:
        return np.zeros(shape, np.float32)
    return (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)
