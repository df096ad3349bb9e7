"""The forms of an exported policy: what their weights are, and how compiled code takes them."""

from typing import NamedTuple

import numpy as np

from agentsim_env.engine.core.scorer import GATED, LINEAR, POOLED

Shape = tuple[int, ...]


class LinearWeights(NamedTuple):
    """One weight for each column of a row, `float32 [features, 1]`."""

    row_weight: np.ndarray

    @property
    def form(self) -> int:
        """As compiled code knows it."""
        return LINEAR

    @property
    def width(self) -> int:
        """Units in a layer: it has none."""
        return 0

    @property
    def actions_per_row(self) -> int:
        """Actions that belong to one row."""
        return 1

    def shapes(self, n_features: int) -> dict[str, Shape]:
        """The shape that each array has to have."""
        return {"row_weight": (n_features, 1)}


class GatedWeights(NamedTuple):
    """A weight for each column of a row, `float32 [features, 1]`, and for each gate a sum that passes as it opens.

    `gate` `[features, gates]` is what opens the gates, `gated_weight` `[features, gates]` what they let through.
    """

    row_weight: np.ndarray
    gate: np.ndarray
    gated_weight: np.ndarray

    @property
    def form(self) -> int:
        """As compiled code knows it."""
        return GATED

    @property
    def width(self) -> int:
        """How many gates."""
        return self.gate.shape[-1]

    @property
    def actions_per_row(self) -> int:
        """Actions that belong to one row."""
        return 1

    def shapes(self, n_features: int) -> dict[str, Shape]:
        """The shape that each array has to have."""
        gates = (n_features, self.width)
        return {"row_weight": (n_features, 1), "gate": gates, "gated_weight": gates}


class PooledWeights(NamedTuple):
    """Parameters of a `CandidateScorer`, each weight as inputs x outputs, float32, C order."""

    embed_weight: np.ndarray
    embed_bias: np.ndarray
    hidden_weight: np.ndarray
    hidden_bias: np.ndarray
    context_weight: np.ndarray
    context_bias: np.ndarray
    row_weight: np.ndarray
    head_weight: np.ndarray
    head_bias: np.ndarray

    @property
    def form(self) -> int:
        """As compiled code knows it."""
        return POOLED

    @property
    def width(self) -> int:
        """Units in a layer."""
        return self.embed_bias.size

    @property
    def actions_per_row(self) -> int:
        """Actions that belong to one row."""
        return self.head_bias.size

    def shapes(self, n_features: int) -> dict[str, Shape]:
        """The shape that each array has to have: all follow from the features, the width and the actions of a row."""
        return pooled_shapes(n_features, self.width, self.actions_per_row)


Weights = LinearWeights | GatedWeights | PooledWeights


def pooled_shapes(n_features: int, width: int, per_row: int = 1) -> dict[str, Shape]:
    """Shapes of the arrays of a network."""
    return dict(
        embed_weight=(n_features, width),
        embed_bias=(width,),
        hidden_weight=(width, width),
        hidden_bias=(width,),
        context_weight=(2 * width, width),
        context_bias=(width,),
        row_weight=(width, width),
        head_weight=(width, per_row),
        head_bias=(per_row,),
    )


def flat(weights: Weights) -> np.ndarray:
    """All weights one after the other, as compiled code takes them."""
    return np.concatenate([array.ravel() for array in weights])


def unflattened(like: Weights, values: np.ndarray) -> Weights:
    """Weights of the same form and shapes from a vector.

    Args:
        like: Has the form and the shapes.
        values: As `flat` gives them.
    """
    ends = np.cumsum([array.size for array in like])[:-1]
    parts = np.split(np.asarray(values, np.float32), ends)
    return type(like)(*(part.reshape(array.shape) for part, array in zip(parts, like, strict=True)))
