"""Checkpoints from which a training goes on as if it had never stopped.

Besides what Stable-Baselines3 saves they hold the state of every random generator, of a replay buffer, and the tapes of
the episodes that are under way. Nothing in them is a pickled object: the parameters are read with `weights_only`.
"""

import json
import shutil
import sys
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from agentsim_env.files import sync
from agentsim_env.scenario.errors import shorten
from agentsim_env.training.episodes import Tape, TrainingEpisodes
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.files import write_json

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
_PARTIAL = ".partial"
_UNREADABLE = "unreadable-"


class Checkpoint(NamedTuple):
    """What was read of a checkpoint.

    Attributes:
        path: Its folder.
        parameters: State of the networks and of the optimiser.
        arrays: States of random generators, content of a replay buffer.
        state: All else.
    """

    path: Path
    parameters: dict[str, Any]
    arrays: dict[str, np.ndarray]
    state: dict[str, Any]


def save_checkpoint(folder: Path, model: Any, vec_env: TrainingEpisodes, extra: dict[str, Any]) -> Path:
    """Writes a checkpoint; it appears whole or not at all, and the last but one is kept.

    Args:
        folder: Folder of the run.
        model: The model, between two rollouts.
        vec_env: Its environments.
        extra: What else is to be remembered, as JSON takes it.
    """
    checkpoints = folder / "checkpoints"
    partial = checkpoints / _PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    torch.save(model.get_parameters(), partial / "parameters.pt")
    arrays = {"torch_rng": torch.get_rng_state().numpy(), "episode_starts": model._last_episode_starts}
    buffer = getattr(model, "replay_buffer", None)
    if buffer is not None:
        arrays |= {name: getattr(buffer, name)[: buffer.size()] for name in _BUFFER_ARRAYS}
    np.savez(partial / "arrays.npz", **arrays)
    write_json(partial / "state.json", _state(model, vec_env, buffer) | {"extra": extra})
    for file in (*partial.iterdir(), partial):
        sync(file)
    path = checkpoints / f"{model.num_timesteps:012d}"
    shutil.rmtree(path, ignore_errors=True)
    partial.rename(path)
    sync(checkpoints)
    for old in _complete(checkpoints)[:-_KEPT]:
        shutil.rmtree(old)
    return path


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint of a run, None if it has none."""
    return next(reversed(_complete(folder / "checkpoints")), None)


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest checkpoint of a run that can be read, None if it has none.

    A newer one that was cut is set aside under another name, and said to be on the standard error stream.

    Args:
        folder: Folder of the run, locked.

    Raises:
        TrainingError: None of those that there are can be read.
    """
    shutil.rmtree(folder / "checkpoints" / _PARTIAL, ignore_errors=True)
    unreadable: list[tuple[Path, Exception]] = []
    for path in reversed(_complete(folder / "checkpoints")):
        try:
            found = _read(path)
        except Exception as error:  # torch, zip and JSON know a dozen, according to where a file was cut
            unreadable.append((path, error))
            continue
        for broken, error in unreadable:
            print(f"{broken} cannot be read ({_in_short(error)}): going on from {path}", file=sys.stderr, flush=True)
            broken.rename(broken.with_name(f"{_UNREADABLE}{broken.name}"))
        return found
    if unreadable:
        listed = "; ".join(f"{path}: {_in_short(error)}" for path, error in unreadable)
        raise TrainingError(
            f"no checkpoint of this run can be read ({listed}); remove {folder / 'checkpoints'} to begin anew"
        )
    return None


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
        raise TrainingError(f"{checkpoint.path} is not a checkpoint of this run: {_in_short(error)}") from error


def _read(path: Path) -> Checkpoint:
    parameters = torch.load(path / "parameters.pt", weights_only=True)
    state = json.loads((path / "state.json").read_text(encoding="utf-8"))
    with (path / "arrays.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return Checkpoint(path, parameters, dict(arrays), state)


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


def _in_short(error: Exception) -> str:
    """The beginning of an error, and its kind where it says nothing; torch adds advice that nobody should follow."""
    lines = str(error).strip().splitlines()
    return shorten(lines[0]) if lines else type(error).__name__


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


def _complete(checkpoints: Path) -> list[Path]:
    return sorted(path for path in checkpoints.glob("[0-9]*") if path.name.isdigit() and path.is_dir())
