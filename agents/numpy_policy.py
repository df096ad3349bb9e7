"""A trained `CandidateScorer` in plain numpy."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agentsim_env.agents.exported import ExportedPolicy
from agentsim_env.agents.gated_policy import GatedPolicy
from agentsim_env.agents.linear_policy import LinearPolicy
from agentsim_env.policies.file import read_policy
from agentsim_env.policies.weights import GatedWeights, LinearWeights, PooledWeights, Weights

if TYPE_CHECKING:
    from agentsim_env.agents.networks import CandidateScorer


_PARAMETERS = {
    "embed_weight": "embedding.layers.0.weight",
    "embed_bias": "embedding.layers.0.bias",
    "hidden_weight": "embedding.layers.2.weight",
    "hidden_bias": "embedding.layers.2.bias",
    "context_weight": "context.weight",
    "context_bias": "context.bias",
    "row_weight": "row.weight",
    "head_weight": "head.weight",
    "head_bias": "head.bias",
}
"""Parameters of the network by the names that they have in a file; torch has each matrix as outputs x inputs."""


def state_of(weights: PooledWeights) -> dict[str, np.ndarray]:
    """Parameters of the network, as torch takes them."""
    return {parameter: np.ascontiguousarray(getattr(weights, field).T) for field, parameter in _PARAMETERS.items()}


class NumpyPolicy(ExportedPolicy):
    """Policy with `PooledWeights`: see `agents/networks.py`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._buffers: dict[int, tuple[np.ndarray, ...]] = {}

    @classmethod
    def from_torch(cls, scorer: "CandidateScorer", feature_names: tuple[str, ...], **kwargs: Any) -> "NumpyPolicy":
        """Copies the parameters of a torch network."""
        state = {key: value.detach().cpu().numpy() for key, value in scorer.state_dict().items()}
        weights = PooledWeights(**{field: state[parameter].T for field, parameter in _PARAMETERS.items()})
        copies = PooledWeights(*(np.array(array, dtype=np.float32, order="C") for array in weights))
        return cls(copies, feature_names, scorer.embedding.allowed_feature, **kwargs)

    def scores(self, observation: np.ndarray) -> np.ndarray:
        """See `ExportedPolicy.scores`."""
        w = self.weights
        rows = observation.reshape(-1, len(w.embed_weight))
        n_rows = len(rows)
        if n_rows not in self._buffers:
            self._buffers[n_rows] = self._allocate(n_rows)
        embedded, hidden, pool, context, scores = self._buffers[n_rows]
        np.dot(rows, w.embed_weight, out=embedded)
        embedded += w.embed_bias
        np.maximum(embedded, 0.0, out=embedded)
        np.dot(embedded, w.hidden_weight, out=hidden)
        hidden += w.hidden_bias
        np.maximum(hidden, 0.0, out=hidden)
        self._pool(rows, hidden, pool)
        np.dot(pool, w.context_weight, out=context)
        context += w.context_bias
        np.dot(hidden, w.row_weight, out=embedded)
        embedded += context
        np.maximum(embedded, 0.0, out=embedded)
        np.dot(embedded, w.head_weight, out=scores)
        scores += w.head_bias
        return scores.ravel()

    def _allocate(self, n_rows: int) -> tuple[np.ndarray, ...]:
        width, per_row = self.weights.head_weight.shape
        shapes = ((n_rows, width), (n_rows, width), (2 * width,), (width,), (n_rows, per_row))
        return tuple(np.empty(shape, np.float32) for shape in shapes)

    def _pool(self, rows: np.ndarray, hidden: np.ndarray, pool: np.ndarray) -> None:
        if self.allowed_feature >= 0:
            allowed = rows[:, self.allowed_feature] > 0
            if allowed.any() and not allowed.all():
                hidden = hidden[allowed]
        width = hidden.shape[1]
        np.add.reduce(hidden, axis=0, out=pool[:width])
        pool[:width] /= len(hidden)
        np.maximum.reduce(hidden, axis=0, out=pool[width:])


FORMS: dict[type[Weights], type[ExportedPolicy]] = {
    LinearWeights: LinearPolicy,
    GatedWeights: GatedPolicy,
    PooledWeights: NumpyPolicy,
}
"""The agent for each form of weights."""


def load_policy(path: str | Path, name: str | None = None) -> ExportedPolicy:
    """Reads a file that `ExportedPolicy.save` has written.

    Args:
        path: The file.
        name: Name in tables and plots, instead of the one that it has.

    Raises:
        AgentError: If it is not such a file, or its weights are not finite numbers.
    """
    header, weights = read_policy(Path(path))
    return FORMS[type(weights)](
        weights, header.feature_names, header.allowed_feature, name or header.name, header.origin, header.sampled
    )
