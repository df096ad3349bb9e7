"""Exported policies as agents: no torch, no pickle, microseconds a decision, any number of candidates."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from agentsim_env.agents.errors import AgentError
from agentsim_env.agents.protocol import candidates_of
from agentsim_env.engine.core.scorer import Scorer
from agentsim_env.policies.advice import ADVICE, not_there
from agentsim_env.policies.file import Header, content_hash, write_policy
from agentsim_env.policies.weights import Weights, flat


class ExportedPolicy:
    """A policy that scores the rows of an observation.

    Args:
        weights: Its parameters.
        feature_names: Columns of a row, as the policy saw them in training.
        allowed_feature: Column that is > 0 in rows that may be chosen, or -1.
        name: Name in tables and plots.
        origin: What is worth knowing of its training; saved with the weights.
        sampled: Whether actions are drawn with the probabilities that the scores give them, instead of the best one
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
        self.weights: Any = weights
        self.feature_names = feature_names
        self.allowed_feature = allowed_feature
        self.name = name
        self.origin = dict(origin or {})
        self.sampled = sampled
        self._rng = np.random.default_rng(0)

    @abstractmethod
    def scores(self, observation: np.ndarray) -> np.ndarray:
        """Score of each action; the array is overwritten by the next call.

        Args:
            observation: Flat float32 observation of any number of candidates.
        """

    @property
    def scorer(self) -> Scorer | None:
        """The policy as compiled code takes it; None where that cannot give its answers."""
        if self.sampled or self.weights.actions_per_row != 1:
            return None
        return Scorer(self.weights.form, self.weights.width, self.allowed_feature, flat(self.weights))

    def bind(self, env: gymnasium.Env) -> None:
        """Checks that the rows of `env` have the columns that the policy was trained on, and who advises there.

        Raises:
            AgentError: If they differ, or the environment's scenario has another rule than that which advised it.
        """
        self._check_advice(env)
        found = candidates_of(env)
        if found.feature_names != self.feature_names:
            unknown = sorted(set(found.feature_names) - set(self.feature_names))
            missing = sorted(set(self.feature_names) - set(found.feature_names))
            difference = f"new {unknown}, gone {missing}" if unknown or missing else "another order"
            raise AgentError(
                f"{self.name} was trained on other features than {type(env.unwrapped).__name__} has ({difference});"
                " train it again"
            )
        if found.actions_per_row != self.weights.actions_per_row:
            raise AgentError(
                f"{self.name} has {self.weights.actions_per_row} actions for each candidate,"
                f" {type(env.unwrapped).__name__} has {found.actions_per_row}"
            )

    def _check_advice(self, env: gymnasium.Env) -> None:
        if ADVICE not in self.origin:
            return
        inner: Any = env.unwrapped
        lacking = not_there(inner.scenario, self.origin)
        if lacking is not None:
            raise AgentError(f"{self.name} follows the advice of a rule: make the environment with overrides {lacking}")

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

    @property
    def _header(self) -> Header:
        return Header(self.feature_names, self.allowed_feature, self.name, self.origin, self.sampled)

    def save(self, path: str | Path) -> Path:
        """Writes the policy, without pickled objects; the file appears whole or not at all.

        Args:
            path: Ends with `.safetensors`; then a card in JSON goes beside it. `.npz` is written as well.

        Raises:
            AgentError: A weight is not a finite number.
        """
        path = Path(path)
        write_policy(path, self._header, self.weights)
        return path

    def content_hash(self) -> str:
        """SHA-256 over the weights and the names of the features."""
        return content_hash(self._header, self.weights)
