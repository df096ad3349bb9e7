"""Checkpoints from which a training goes on as if it had never stopped.

Besides what Stable-Baselines3 saves they hold the state of every random generator, of a replay buffer, and the tapes of
the episodes that are under way. Nothing in them is a pickled object: the parameters are read with `weights_only`.
"""

import json
import pickle
import shutil
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.vec_env import DummyVecEnv

from training.episodes import Tape, restore
from training.errors import TrainingError
from training.files import write_json

_COUNTERS = (
    "num_timesteps",
    "_n_updates",
    "_episode_num",
    "_n_calls",
    "_current_progress_remaining",
    "exploration_rate",
)
_BUFFER_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
_KEPT = 2


def save_checkpoint(folder: Path, model: Any, vec_env: DummyVecEnv, extra: dict[str, Any]) -> Path:
    """Writes a checkpoint; it appears whole or not at all, and the last but one is kept.

    Args:
        folder: Folder of the run.
        model: The model, between two rollouts.
        vec_env: Its environments.
        extra: What else is to be remembered, as JSON takes it.
    """
    checkpoints = folder / "checkpoints"
    partial = checkpoints / ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    torch.save(model.get_parameters(), partial / "parameters.pt")
    arrays = {"torch_rng": torch.get_rng_state().numpy(), "episode_starts": model._last_episode_starts}
    buffer = getattr(model, "replay_buffer", None)
    if buffer is not None:
        arrays |= {name: getattr(buffer, name)[: buffer.size()] for name in _BUFFER_ARRAYS}
    np.savez(partial / "arrays.npz", **arrays)
    write_json(partial / "state.json", _state(model, vec_env, buffer) | {"extra": extra})
    path = checkpoints / f"{model.num_timesteps:012d}"
    shutil.rmtree(path, ignore_errors=True)
    partial.rename(path)
    for old in _complete(checkpoints)[:-_KEPT]:
        shutil.rmtree(old)
    return path


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint of a run, None if it has none."""
    return next(reversed(_complete(folder / "checkpoints")), None)


def load_checkpoint(path: Path, model: Any, vec_env: DummyVecEnv) -> dict[str, Any]:
    """Brings a freshly made model and its environments to the state of a checkpoint.

    Returns:
        What was given to `save_checkpoint` as `extra`.

    Raises:
        TrainingError: It cannot be read, or is one of another algorithm, network or number of environments.
    """
    try:
        return _load(path, model, vec_env)
    except (OSError, KeyError, ValueError, RuntimeError, pickle.UnpicklingError) as error:
        raise TrainingError(
            f"{path} is not a checkpoint of this run that can be read: {error}; remove it to go on from the one before"
        ) from error


def _load(path: Path, model: Any, vec_env: DummyVecEnv) -> dict[str, Any]:
    model.set_parameters(torch.load(path / "parameters.pt", weights_only=True), device=model.device)
    state = json.loads((path / "state.json").read_text(encoding="utf-8"))
    for name, value in state["counters"].items():
        setattr(model, name, value)
    model._last_obs = np.stack(
        [restore(env, Tape(**tape)) for env, tape in zip(vec_env.envs, state["tapes"], strict=True)]
    )
    with np.load(path / "arrays.npz", allow_pickle=False) as arrays:
        model._last_episode_starts = arrays["episode_starts"]
        if state["buffer"] is not None:
            _fill(model.replay_buffer, state["buffer"], arrays)
        torch.set_rng_state(torch.from_numpy(arrays["torch_rng"]))
    name, keys, *rest = state["numpy_rng"]
    np.random.set_state((name, np.array(keys, np.uint32), *rest))
    model.action_space.np_random.bit_generator.state = state["action_rng"]
    model.ep_info_buffer = deque(state["episodes"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(maxlen=model._stats_window_size)
    return state["extra"]


def _state(model: Any, vec_env: DummyVecEnv, buffer: Any) -> dict[str, Any]:
    name, keys, *rest = np.random.get_state()
    return {
        "counters": {name: getattr(model, name) for name in _COUNTERS if hasattr(model, name)},
        "tapes": [env.get_wrapper_attr("tape")._asdict() for env in vec_env.envs],
        "episodes": [dict(info) for info in model.ep_info_buffer],
        "buffer": None if buffer is None else {"pos": buffer.pos, "full": buffer.full},
        "numpy_rng": [name, np.asarray(keys).tolist(), *rest],
        "action_rng": model.action_space.np_random.bit_generator.state,
    }


def _fill(buffer: Any, place: dict[str, Any], arrays: Any) -> None:
    buffer.pos, buffer.full = place["pos"], place["full"]
    for name in _BUFFER_ARRAYS:
        getattr(buffer, name)[: buffer.size()] = arrays[name]


def _complete(checkpoints: Path) -> list[Path]:
    return sorted(path for path in checkpoints.glob("[0-9]*") if path.is_dir())
