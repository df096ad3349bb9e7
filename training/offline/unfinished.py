"""The episodes of a data set that is not complete: an interruption, of whatever kind, loses one episode at most."""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from agentsim_env.agents.loading import files_of
from agentsim_env.files import write_text
from agentsim_env.training.journal import own_sources
from agentsim_env.training.offline import episode
from agentsim_env.training.offline.episode import Episode
from agentsim_env.training.offline.player import Cast

_IDENTITY = "identity.txt"


class Unfinished:
    """A folder with a file for each episode that is done. What it holds of others is forgotten.

    Args:
        folder: The folder, locked.
        cast: Who plays.
    """

    def __init__(self, folder: Path, cast: Cast) -> None:
        self._folder = folder / "episodes"
        identity, file = identity_of(cast), folder / _IDENTITY
        if not file.is_file() or file.read_text(encoding="utf-8") != identity:
            shutil.rmtree(self._folder, ignore_errors=True)
            write_text(file, identity)

    def has(self, number: int) -> bool:
        """Whether an episode is there."""
        return self._path(number).is_file()

    def keep(self, number: int, played: Episode) -> None:
        """Keeps an episode."""
        episode.save(self._path(number), played)

    def read(self, numbers: Iterable[int]) -> Iterable[Episode]:
        """Episodes that are there, one after the other."""
        return (episode.load(self._path(number)) for number in numbers)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.npz"


def identity_of(cast: Cast) -> str:
    """Hash of everything that an episode depends on: who plays where, and our own code."""
    said = (cast.environment, cast.scenario.content_hash(), cast.agent, cast.split, cast.rollouts)
    digest = hashlib.sha256(repr(said).encode())
    for path in [*own_sources(), *files_of(cast.agent)]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
