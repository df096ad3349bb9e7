"""Models of Stable-Baselines3 and sb3-contrib as agents."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from agents.errors import AgentError
from agents.numpy_policy import NumpyPolicy
from agents.protocol import candidates_of

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

    A model whose policy treats candidates alike (`agents.policies`) is evaluated in numpy and serves clusters of any
    size; any other one goes through `predict`, with the action mask where the algorithm knows masks, and fits only the
    size that it was trained on.

    Args:
        model: A trained model.
        name: Name in tables and plots.
        feature_names: Columns that the model was trained on; by default those of the first environment that it meets.
    """

    def __init__(self, model: Any, name: str = "model", feature_names: tuple[str, ...] | None = None) -> None:
        self.model = model
        self.name = name
        self.feature_names = feature_names
        self._masked = type(model).__name__ == "MaskablePPO"
        self._numpy: NumpyPolicy | None = None

    @classmethod
    def load(cls, path: str | Path, name: str | None = None) -> "SB3Agent":
        """Loads a model's .zip.

        **Loading unpickles: a file from somebody else can run any code.** Load only files that you trust;
        an exported policy (.npz) is only data.

        Args:
            path: File that `model.save` has written.
            name: Name in tables and plots; by default that of the file.

        Raises:
            AgentError: If it is not such a file.
        """
        path = Path(path)
        model = algorithm_class(_algorithm_in(path)).load(path, device="cpu")
        return cls(model, name or path.stem)

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

    def reset(self, seed: int) -> None:
        """Nothing to do: the agent is deterministic and has no memory."""

    def act(self, observation: np.ndarray, info: Mapping[str, Any]) -> int:
        """The best action by the model."""
        if self._numpy is not None:
            return self._numpy.act(observation, info)
        masks = {"action_masks": info["action_mask"]} if self._masked else {}
        action, _ = self.model.predict(observation, deterministic=True, **masks)
        return int(action)


def _algorithm_in(path: Path) -> str:
    """Tells the algorithm from the names of a model's settings, without unpickling anything."""
    try:
        with zipfile.ZipFile(path) as file:
            settings = json.loads(file.read("data"))
    except FileNotFoundError:
        raise AgentError(f"{path}: no such file") from None
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise AgentError(f"{path} is not a model that Stable-Baselines3 has saved: {error}") from None
    if "exploration_fraction" in settings:
        return "dqn"
    if "clip_range" not in settings:
        return "a2c"
    return "maskable_ppo" if "Maskable" in str(settings.get("policy_class")) else "ppo"
