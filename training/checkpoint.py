"""The folders of checkpoints: they appear whole or not at all, and what was cut is passed over.

Nothing in them is a pickled object: the parameters of networks are read with `weights_only`.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agentsim_env.files import sync
from agentsim_env.scenario.errors import shorten
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.files import write_json

_KEPT = 2
_PARTIAL = ".partial"
_PARAMETERS, _TORCH = "parameters.pt", "torch"
_UNREADABLE = "unreadable-"


class Checkpoint(NamedTuple):
    """What was read of a checkpoint.

    Attributes:
        path: Its folder.
        parameters: State of the networks and of the optimiser of torch; empty where there are none.
        arrays: States of random generators, content of a replay buffer.
        state: All else.
    """

    path: Path
    parameters: dict[str, Any]
    arrays: dict[str, np.ndarray]
    state: dict[str, Any]


def write_checkpoint(
    folder: Path,
    step: int,
    arrays: Mapping[str, np.ndarray],
    state: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
) -> Path:
    """Writes a checkpoint; it appears whole or not at all, and the last but one is kept.

    Args:
        folder: Folder of the run.
        step: Decisions learned from so far.
        arrays: See `Checkpoint`.
        state: Likewise, as JSON takes it.
        parameters: Likewise; None where there are none.
    """
    checkpoints = folder / "checkpoints"
    partial = checkpoints / _PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    if parameters is not None:
        import torch

        torch.save(parameters, partial / _PARAMETERS)
    content: dict[str, Any] = dict(arrays)
    np.savez(partial / "arrays.npz", **content)
    write_json(partial / "state.json", {**state, _TORCH: parameters is not None})
    for file in (*partial.iterdir(), partial):
        sync(file)
    path = checkpoints / f"{step:012d}"
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
            print(f"{broken} cannot be read ({in_short(error)}): going on from {path}", file=sys.stderr, flush=True)
            broken.rename(broken.with_name(f"{_UNREADABLE}{broken.name}"))
        return found
    if unreadable:
        listed = "; ".join(f"{path}: {in_short(error)}" for path, error in unreadable)
        raise TrainingError(
            f"no checkpoint of this run can be read ({listed}); remove {folder / 'checkpoints'} to begin anew"
        )
    return None


def _read(path: Path) -> Checkpoint:
    state = json.loads((path / "state.json").read_text(encoding="utf-8"))
    parameters = {}
    if state.get(_TORCH, True):
        import torch

        parameters = torch.load(path / _PARAMETERS, weights_only=True)
    with (path / "arrays.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return Checkpoint(path, parameters, dict(arrays), state)


def in_short(error: Exception) -> str:
    """The beginning of an error, and its kind where it says nothing; torch adds advice that nobody should follow."""
    lines = str(error).strip().splitlines()
    return shorten(lines[0]) if lines else type(error).__name__


def _complete(checkpoints: Path) -> list[Path]:
    return sorted(path for path in checkpoints.glob("[0-9]*") if path.name.isdigit() and path.is_dir())
