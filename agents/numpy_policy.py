"""A trained `CandidateScorer` in plain numpy: an agent without torch and pickle that decides in microseconds."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from agentsim_env.agents.errors import AgentError
from agentsim_env.agents.policy_file import Header, Weights, read_policy, write_policy
from agentsim_env.agents.protocol import candidates_of

if TYPE_CHECKING:
    from agentsim_env.agents.networks import CandidateScorer


class NumpyPolicy:
    """Policy of a trained network, for any number of candidates.

    Args:
        weights: Parameters of the network.
        feature_names: Columns of a row, as the network saw them in training.
        allowed_feature: Column that is > 0 in rows that may be chosen, or -1.
        name: Name in tables and plots.
        origin: What is worth knowing of its training; saved with the weights.
        sampled: Whether actions are drawn with the probabilities that the network gives them, instead of the best one
            being taken. Then a seed of an episode draws the same actions again.
    """

    def __init__(
        self,
        weights: Weights,
        feature_names: tuple[str, ...],
        allowed_feature: int = -1,
        name: str = "policy",
        origin: Mapping[str, Any] | None = None,
        sampled: bool = False,
    ) -> None:
        self.weights = weights
        self.feature_names = feature_names
        self.allowed_feature = allowed_feature
        self.name = name
        self.origin = dict(origin or {})
        self.sampled = sampled
        self._rng = np.random.default_rng(0)
        self._buffers: dict[int, tuple[np.ndarray, ...]] = {}

    @classmethod
    def from_torch(cls, scorer: "CandidateScorer", feature_names: tuple[str, ...], **kwargs: Any) -> "NumpyPolicy":
        """Copies the parameters of a torch network."""
        state = {key: value.detach().cpu().numpy() for key, value in scorer.state_dict().items()}
        weights = Weights(
            embed_weight=state["embedding.layers.0.weight"].T,
            embed_bias=state["embedding.layers.0.bias"],
            hidden_weight=state["embedding.layers.2.weight"].T,
            hidden_bias=state["embedding.layers.2.bias"],
            context_weight=state["context.weight"].T,
            context_bias=state["context.bias"],
            row_weight=state["row.weight"].T,
            head_weight=state["head.weight"].T,
            head_bias=state["head.bias"],
        )
        copies = Weights(*(np.array(array, dtype=np.float32, order="C") for array in weights))
        return cls(copies, feature_names, scorer.embedding.allowed_feature, **kwargs)

    def scores(self, observation: np.ndarray) -> np.ndarray:
        """Score of each action; the array is overwritten by the next call.

        Args:
            observation: Flat float32 observation of any number of candidates.
        """
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

    def bind(self, env: gymnasium.Env) -> None:
        """Checks that the rows of `env` have the columns that the network was trained on.

        Raises:
            AgentError: If they differ.
        """
        found = candidates_of(env)
        if found.feature_names != self.feature_names:
            unknown = sorted(set(found.feature_names) - set(self.feature_names))
            missing = sorted(set(self.feature_names) - set(found.feature_names))
            difference = f"new {unknown}, gone {missing}" if unknown or missing else "another order"
            raise AgentError(
                f"{self.name} was trained on other features than {type(env.unwrapped).__name__} has ({difference});"
                " train it again"
            )
        if found.actions_per_row != self.weights.head_weight.shape[1]:
            raise AgentError(
                f"{self.name} has {self.weights.head_weight.shape[1]} actions for each candidate,"
                f" {type(env.unwrapped).__name__} has {found.actions_per_row}"
            )

    def reset(self, seed: int) -> None:
        """Seeds the generator of a policy that draws its actions."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: np.ndarray, info: Mapping[str, Any]) -> int:
        """The allowed action with the highest score, or one that is drawn by the scores."""
        scores = self.scores(observation)
        mask = info.get("action_mask")
        if mask is not None:
            scores[np.equal(mask, 0)] = -np.inf
        if self.sampled:
            scores += self._rng.gumbel(size=len(scores))  # the largest is then a draw from the softmax of the scores
        return int(scores.argmax())

    def save(self, path: str | Path) -> Path:
        """Writes an .npz file without pickled objects; the file appears whole or not at all.

        Raises:
            AgentError: A weight is not a finite number.
        """
        path = Path(path)
        header = Header(self.feature_names, self.allowed_feature, self.name, self.origin, self.sampled)
        write_policy(path, header, self.weights)
        return path

    @classmethod
    def load(cls, path: str | Path, name: str | None = None) -> "NumpyPolicy":
        """Reads a file that `save` has written.

        Raises:
            AgentError: If it is not such a file, or its weights are not finite numbers.
        """
        header, weights = read_policy(Path(path))
        return cls(
            weights, header.feature_names, header.allowed_feature, name or header.name, header.origin, header.sampled
        )

    def content_hash(self) -> str:
        """SHA-256 over the weights and the names of the features."""
        digest = hashlib.sha256(json.dumps([self.feature_names, self.allowed_feature]).encode())
        for array in self.weights:
            digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
        return digest.hexdigest()
