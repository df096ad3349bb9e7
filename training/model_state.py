"""Checkpoints of a model of Stable-Baselines3, from which a training goes on as if it had never stopped.

Besides what Stable-Baselines3 saves they hold the state of every random generator, of a replay buffer, and the tapes of
the episodes that are under way.
"""

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agentsim_env.training.checkpoint import Checkpoint, in_short, write_checkpoint
from agentsim_env.training.episodes import Tape, TrainingEpisodes
from agentsim_env.training.errors import TrainingError

_COUNTERS = (
    "num_timesteps",
    "_n_updates",
    "_episode_num",
    "_n_calls",
    "_current_progress_remaining",
    "exploration_rate",
)
_BUFFER_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def save_checkpoint(folder: Path, model: Any, vec_env: TrainingEpisodes, extra: dict[str, Any]) -> Path:
    """Writes a checkpoint.

    Args:
        folder: Folder of the run.
        model: The model, between two rollouts.
        vec_env: Its environments.
        extra: What else is to be remembered, as JSON takes it.
    """
    arrays = {"torch_rng": torch.get_rng_state().numpy(), "episode_starts": model._last_episode_starts}
    buffer = getattr(model, "replay_buffer", None)
    if buffer is not None:
        arrays |= {name: getattr(buffer, name)[: buffer.size()] for name in _BUFFER_ARRAYS}
    state = _state(model, vec_env, buffer) | {"extra": extra}
    return write_checkpoint(folder, model.num_timesteps, arrays, state, model.get_parameters())


def restore_checkpoint(checkpoint: Checkpoint, model: Any, vec_env: TrainingEpisodes) -> dict[str, Any]:
    """Brings a freshly made model and its environments to the state of a checkpoint.

    Returns:
        What was given to `save_checkpoint` as `extra`.

    Raises:
        TrainingError: It is one of another algorithm, network or number of environments.
    """
    try:
        return _restore(checkpoint, model, vec_env)
    except (KeyError, ValueError, RuntimeError) as error:
        raise TrainingError(f"{checkpoint.path} is not a checkpoint of this run: {in_short(error)}") from error


def _restore(checkpoint: Checkpoint, model: Any, vec_env: TrainingEpisodes) -> dict[str, Any]:
    _, parameters, arrays, state = checkpoint
    model.set_parameters(parameters, device=model.device)
    for name, value in state["counters"].items():
        setattr(model, name, value)
    if len(state["tapes"]) != vec_env.num_envs:
        raise ValueError(f"{len(state['tapes'])} environments, not {vec_env.num_envs}")
    model._last_obs = vec_env.rewind([Tape(**tape) for tape in state["tapes"]])
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


def _state(model: Any, vec_env: TrainingEpisodes, buffer: Any) -> dict[str, Any]:
    name, keys, *rest = np.random.get_state()
    return {
        "counters": {name: getattr(model, name) for name in _COUNTERS if hasattr(model, name)},
        "tapes": [tape._asdict() for tape in vec_env.tapes],
        "episodes": [dict(info) for info in model.ep_info_buffer],
        "buffer": None if buffer is None else {"pos": buffer.pos, "full": buffer.full},
        "numpy_rng": [name, np.asarray(keys).tolist(), *rest],
        "action_rng": model.action_space.np_random.bit_generator.state,
    }


def _fill(buffer: Any, place: dict[str, Any], arrays: Any) -> None:
    buffer.pos, buffer.full = place["pos"], place["full"]
    for name in _BUFFER_ARRAYS:
        getattr(buffer, name)[: buffer.size()] = arrays[name]
