"""What a Stable-Baselines3 model says of itself before anything of it is unpickled."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from agentsim_env.agents.errors import AgentError

STATISTICS = "vecnormalize.pkl"
"""File beside a model with the statistics of `VecNormalize`, as RL Baselines3 Zoo names it."""

SUPPORTED = "PPO, MaskablePPO, A2C and DQN"
_OTHERS = {
    "n_quantiles": "QR-DQN",
    "cg_max_steps": "TRPO",
    "zero_policy": "ARS",
    "target_entropy": "SAC, TQC or CrossQ",
    "target_noise_clip": "TD3 or DDPG",
}
"""Algorithms by a setting that only they have."""


class SavedModel(NamedTuple):
    """A model's file.

    Attributes:
        algo: Key of `agentsim_env.agents.sb3.ALGORITHMS`.
        scaled: Whether it was trained on what `VecNormalize` made of the observations; None where the file does not
            say: DQN keeps an original observation without it too, and a model that has not learned has none.
    """

    algo: str
    scaled: bool | None


def inspect(path: Path) -> SavedModel:
    """Looks at a model's file; nothing in it is unpickled.

    Raises:
        AgentError: It is no such file, of an algorithm that is not supported, or its weights are not numbers.
    """
    if not path.is_file():
        raise AgentError(f"{path}: no such file")
    try:
        with zipfile.ZipFile(path) as file:
            settings = json.loads(file.read("data"))
            weights = _weights(file.read("policy.pth"))
        if not isinstance(settings, dict):
            raise ValueError("its settings are no mapping")
    except Exception as error:  # zip, JSON and torch know a dozen, according to where a file was cut
        raise AgentError(f"{path} is not a model that Stable-Baselines3 has saved: {error}") from None
    algo = _algorithm(path, settings, weights)
    _refuse_not_finite(path, weights)
    says = algo != "dqn" and settings.get("_last_obs") is not None
    return SavedModel(algo, settings.get("_last_original_obs") is not None if says else None)


def _weights(content: bytes) -> dict[str, Any]:
    import torch

    weights = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if not isinstance(weights, dict) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise ValueError("its weights are no mapping of names to tensors")
    return {str(name): value for name, value in weights.items()}


def _algorithm(path: Path, settings: Mapping[str, Any], weights: Mapping[str, Any]) -> str:
    """Tells the algorithm from the names of a model's settings and of its weights."""
    other = next((name for setting, name in _OTHERS.items() if setting in settings), None)
    if any(name.startswith("lstm_") for name in weights):
        other = "RecurrentPPO, and would be played without its memory"
    if other is not None:
        raise AgentError(f"{path} is a model of {other}; supported: {SUPPORTED}")
    if "exploration_fraction" in settings:
        return "dqn"
    if "clip_range" in settings:
        return "maskable_ppo" if "Maskable" in str(settings.get("policy_class")) else "ppo"
    if "rollout_buffer_class" in settings:
        return "a2c"
    raise AgentError(f"{path} is a model of an algorithm that is not known here; supported: {SUPPORTED}")


def _refuse_not_finite(path: Path, weights: Mapping[str, Any]) -> None:
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise AgentError(f"{path}: {name} holds weights that are not finite: the training has diverged")
