"""Data sets on disk, as Minari writes and reads them."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agentsim_env.scenario.errors import shorten
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.offline.episode import Episode

OURS = "agentsim"
"""Key of the metadata under which stands what Minari has no place for."""

_DATA = "data"
_MOST_DECISIONS = 131_000
"""In an episode: what is longer Minari's reader cuts in pieces and takes for several episodes."""


class Decisions(NamedTuple):
    """The decisions of an episode of a data set.

    Attributes:
        observations: `float32 [T, rows * features]`.
        legal: `bool [T, actions]`.
        actions: `int64 [T]`.
        costs_s: What the episode comes to with each answer, `float64 [T, actions]`, NaN for what is not legal;
            without columns where nobody has tried.
    """

    observations: np.ndarray
    legal: np.ndarray
    actions: np.ndarray
    costs_s: np.ndarray


class DataSet(NamedTuple):
    """A data set on disk.

    Attributes:
        id: What Minari knows it by.
        folder: Its folder.
        about: What `agentsim collect` has said of it; see docs/training.md.
        episodes: How many it has.
    """

    id: str
    folder: Path
    about: dict[str, Any]
    episodes: int

    def read(self) -> Iterator[Decisions]:
        """Its episodes, one after the other.

        Raises:
            TrainingError: An episode cannot be read.
        """
        try:
            for one in _minari().MinariDataset(self.folder / _DATA).iterate_episodes():
                n = len(one.actions)
                costs_s = one.infos.get("answer_cost_s", np.zeros((n + 1, 0)))
                yield Decisions(one.observations[:n], one.infos["action_mask"][:n] > 0, one.actions, costs_s[:n])
        except (OSError, KeyError, ValueError) as error:
            raise TrainingError(f"{self.folder}: an episode cannot be read: {shorten(str(error))}") from None


def folder_of(dataset_id: str) -> Path:
    """Where Minari looks for a data set.

    Raises:
        TrainingError: Minari takes no such name.
    """
    minari = _minari()
    try:
        version = minari.dataset.minari_dataset.parse_dataset_id(dataset_id)[2]
    except (ValueError, TypeError):
        version = None
    if version is None:
        raise TrainingError(
            f"--name {dataset_id}: allowed: letters, digits, - and _, parts of a path before it, and a version behind"
            " it, as in agentsim/routing-lmetric-v0"
        )
    from minari.storage.datasets_root_dir import get_dataset_path

    return get_dataset_path(dataset_id)


def find(name: str) -> DataSet:
    """A data set by its id, or by the path of its folder.

    Raises:
        TrainingError: There is none, or it was not written by `agentsim collect`.
    """
    folder = Path(name) if (Path(name) / _DATA).is_dir() else folder_of(name)
    file = folder / _DATA / "metadata.json"
    if not file.is_file():
        raise TrainingError(f"--data {name}: no data set there, and none in {folder}; agentsim collect makes one")
    try:
        metadata = json.loads(file.read_text(encoding="utf-8"))
        about, count = metadata[OURS], int(metadata["total_episodes"])
        return DataSet(metadata["dataset_id"], folder, dict(about), count)
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"--data {name}: {file} was not written by agentsim collect ({error})") from None


def write(folder: Path, draft: Path, env: Any, episodes: Iterable[Episode], metadata: Mapping[str, Any]) -> None:
    """Writes a data set; it appears whole or not at all.

    Args:
        folder: Where it is to be.
        draft: A folder on the same disk, to write in.
        env: The environment, as `gymnasium.make` made it.
        episodes: The episodes, in the order that they are to have.
        metadata: What is said of it, as Minari names it.
    """
    from minari.data_collector.episode_buffer import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage

    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    storage = MinariStorage.new(draft / _DATA, env.observation_space, env.action_space, env.spec, data_format="parquet")
    for place, episode in enumerate(episodes):
        n = len(episode.actions)
        if n > _MOST_DECISIONS:
            raise TrainingError(
                f"an episode has {n:,} decisions; Minari takes up to {_MOST_DECISIONS:,}: make it shorter with --set"
                " episode.programs=N"
            )
        ends = np.arange(1, n + 1) == n
        arrays: dict[str, Any] = {"observations": episode.observations, "actions": episode.actions}
        buffer = EpisodeBuffer(
            id=place,
            seed=episode.number,
            rewards=list(episode.rewards),
            terminations=list(ends & (not episode.truncated)),
            truncations=list(ends & episode.truncated),
            infos=_infos(episode),
            **arrays,
        )
        storage.update_episodes([buffer])
        storage.update_episode_metadata([{OURS: episode.figures}], [place])
    storage.update_metadata(dict(metadata))
    folder.parent.mkdir(parents=True, exist_ok=True)
    os.replace(draft, folder)


def _infos(episode: Episode) -> dict[str, Any]:
    """What every step had. Minari cannot read arrays of one dimension back, lists it can."""
    times = {"time_s": list(episode.time_s), "elapsed_s": list(episode.elapsed_s)}
    costs = {"answer_cost_s": episode.answer_cost_s} if len(episode.answer_cost_s) else {}
    return {"action_mask": episode.action_mask, **costs, **times}


def _minari() -> Any:
    try:
        import minari
    except ImportError:
        raise TrainingError("data sets are those of Minari: pip install 'agentsim-env[offline]'") from None
    return minari
