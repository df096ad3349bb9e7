"""Models of Stable-Baselines3 and sb3-contrib as agents."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from agentsim_env.agents.errors import AgentError
from agentsim_env.agents.numpy_policy import NumpyPolicy
from agentsim_env.agents.protocol import candidates_of
from agentsim_env.agents.sb3_zip import STATISTICS, inspect

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecNormalize

_ROUNDING = 1e-3
ALGORITHMS = {"ppo": "PPO", "maskable_ppo": "MaskablePPO", "dqn": "DQN", "a2c": "A2C"}


def algorithm_class(algo: str) -> Any:
    """The class that implements an algorithm.

    Args:
        algo: A key of `ALGORITHMS`.

    Raises:
        AgentError: For any other.
    """
    if algo not in ALGORITHMS:
        raise AgentError(f"no algorithm {algo!r}; there are: {', '.join(ALGORITHMS)}")
    import sb3_contrib
    import stable_baselines3

    module = sb3_contrib if algo == "maskable_ppo" else stable_baselines3
    return getattr(module, ALGORITHMS[algo])


class SB3Agent:
    """Greedy agent of a trained model.

    A model whose policy treats candidates alike (`agentsim_env.agents.policies`) is evaluated in numpy and serves
    clusters of any size; any other one goes through `predict`, with the action mask where the algorithm knows masks,
    and fits only the size that it was trained on.

    Args:
        model: A trained model.
        name: Name in tables and plots.
        feature_names: Columns that the model was trained on; by default those of the first environment that it meets.
        scaling: The `VecNormalize` whose statistics scaled the observations in training.
    """

    def __init__(
        self,
        model: Any,
        name: str = "model",
        feature_names: tuple[str, ...] | None = None,
        scaling: "VecNormalize | None" = None,
    ) -> None:
        self.model = model
        self.name = name
        self.feature_names = feature_names
        self.scaling = scaling
        self._masked = type(model).__name__ == "MaskablePPO"
        self._numpy: NumpyPolicy | None = None

    @classmethod
    def load(cls, path: str | Path, name: str | None = None) -> "SB3Agent":
        """Loads a model's .zip, and the statistics of `VecNormalize` from a `vecnormalize.pkl` beside it.

        **Loading unpickles: a file from somebody else can run any code.** Load only files that you trust;
        an exported policy (.npz) is only data.

        Args:
            path: File that `model.save` has written.
            name: Name in tables and plots; by default that of the file.

        Raises:
            AgentError: If it is not such a file, is of an algorithm that is not supported, lacks its statistics, or
                lies beside those of another model.
        """
        path = Path(path)
        saved = inspect(path)
        file = path.with_name(STATISTICS)
        if saved.scaled is False and file.is_file():
            raise AgentError(
                f"{path} was trained on observations as they are, and {file.name} beside it holds the statistics of"
                " VecNormalize, which are another model's: move one of the two to another folder"
            )
        try:
            model = algorithm_class(saved.algo).load(path, device="cpu")
            scaling = pickle.loads(file.read_bytes()) if file.is_file() else None
        except Exception as error:  # what unpickling raises depends on what was pickled
            raise AgentError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
        if scaling is None and (saved.scaled or _saw_more_than_there_is(model)):
            raise AgentError(
                f"{path} was trained on observations that VecNormalize scaled: write its statistics there too, with"
                f" env.save({str(file)!r})"
            )
        if scaling is not None and not hasattr(scaling, "normalize_obs"):
            raise AgentError(f"{file} does not hold the statistics of VecNormalize")
        return cls(model, name or path.stem, scaling=scaling)

    def bind(self, env: gymnasium.Env) -> None:
        """Fits the model to the rows of an environment.

        Raises:
            AgentError: If it cannot fit.
        """
        candidates = candidates_of(env)
        scorer = getattr(self.model.policy, "scorer", None)
        if scorer is not None:
            if self.feature_names is None:
                self.feature_names = candidates.feature_names
            self._numpy = NumpyPolicy.from_torch(scorer, self.feature_names, name=self.name)
            self._numpy.bind(env)
        elif self.model.observation_space.shape != env.observation_space.shape:
            raise AgentError(
                f"{self.name} was trained on observations of shape {self.model.observation_space.shape},"
                f" here they have {env.observation_space.shape}: only policies that treat candidates alike fit another"
                " size"
            )
        elif self.model.action_space.n != candidates.n_actions:
            raise AgentError(
                f"{self.name} was trained on {self.model.action_space.n} actions, here there are {candidates.n_actions}"
            )
        if self.scaling is not None and self.scaling.observation_space.shape != env.observation_space.shape:
            raise AgentError(
                f"{self.name}: the statistics of VecNormalize are of observations of shape"
                f" {self.scaling.observation_space.shape}, here they have {env.observation_space.shape}"
            )

    def reset(self, seed: int) -> None:
        """Nothing to do: the agent is deterministic and has no memory."""

    def act(self, observation: np.ndarray, info: Mapping[str, Any]) -> int:
        """The best action by the model."""
        if self.scaling is not None:
            observation = np.asarray(self.scaling.normalize_obs(observation))
        if self._numpy is not None:
            return self._numpy.act(observation, info)
        masks = {"action_masks": info["action_mask"]} if self._masked else {}
        action, _ = self.model.predict(observation, deterministic=True, **masks)
        return int(action)


def _saw_more_than_there_is(model: Any) -> bool:
    """Whether the last observation of a training lies outside the space of observations: something has scaled it."""
    space, last = model.observation_space, model._last_obs
    if last is None or not isinstance(space, gymnasium.spaces.Box):
        return False
    return bool(np.any(last < space.low - _ROUNDING) or np.any(last > space.high + _ROUNDING))
