"""Places for results, tested before anything is computed for them."""

import tempfile
from pathlib import Path

from agentsim_env.training.errors import TrainingError

_TRIED_BYTES = 1 << 16


def folder_for_results(given: str | Path, option: str = "--out") -> Path:
    """A folder that results can be written to; it need not exist yet.

    Raises:
        TrainingError: It is a file, or nothing can be written there.
    """
    path = _named(given, option)
    if path.exists() and not path.is_dir():
        raise TrainingError(f"{option} {path}: is a file; allowed: a folder, or a path where there is nothing yet")
    _try_to_write(path, path, option)
    return path


def file_for_results(given: str | Path, option: str = "--out") -> Path:
    """A file that can be written; it need not exist yet, nor its folder.

    Raises:
        TrainingError: It is a folder, or nothing can be written there.
    """
    path = _named(given, option)
    if path.is_dir():
        raise TrainingError(f"{option} {path}: is a folder; allowed: a file, or a path where there is nothing yet")
    _try_to_write(path, path.parent, option)
    return path


def _named(given: str | Path, option: str) -> Path:
    if not str(given).strip():
        raise TrainingError(f"{option} is empty; allowed: a path")
    return Path(given)


def _try_to_write(path: Path, folder: Path, option: str) -> None:
    """Writes a nameless file in the folder, or in the nearest above it that there is."""
    there = next(above for above in (folder.absolute(), *folder.absolute().parents) if _is_something(above))
    if not there.exists():
        raise TrainingError(f"{option} {path}: cannot be written: {there} is a link that leads nowhere")
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(bytes(_TRIED_BYTES))
    except OSError as error:
        raise TrainingError(f"{option} {path}: cannot be written: {there}: {error.strerror}") from error


def _is_something(path: Path) -> bool:
    return path.exists() or path.is_symlink()
