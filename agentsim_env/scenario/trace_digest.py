"""What a trace is, for the hash of a scenario: its bytes, wherever they lie."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path

from agentsim_env.scenario.errors import ScenarioError

MOST_FILES = 10_000
"""Of a folder: a trace is cut into some hundreds of files at most, and a home or a disk is hashed for hours."""


def trace_digest(path: str) -> str:
    """SHA-256 of a file, or of the names and bytes of all files in a folder, as hexadecimal digits.

    Raises:
        FileNotFoundError: There is neither a file nor a folder of that name.
        ScenarioError: It is a pipe, a device or a socket, which may never end, or a folder of very many files, or of
            one that cannot be read.
    """
    root = Path(path)
    if root.exists() and not root.is_dir() and not root.is_file():
        problem = "is a pipe, a device or a socket; allowed: a regular file or a folder"
        raise ScenarioError(f"workload.trace.path = {path!r}: {problem}")
    if not root.is_dir():
        return _file_digest(root, *_version(root))
    with _readable(root):
        digest = hashlib.sha256()
        for file in files_below(root):
            digest.update(f"{file.relative_to(root).as_posix()}:{_file_digest(file, *_version(file))}\n".encode())
        return digest.hexdigest()


def files_below(folder: Path) -> list[Path]:
    """All files in the folder of a trace, by name.

    Raises:
        ScenarioError: There are very many, or what is in it cannot be seen.
    """
    with _readable(folder):
        files = sorted(islice((file for file in folder.rglob("*") if file.is_file()), MOST_FILES + 1))
    if len(files) > MOST_FILES:
        problem = (
            f"is a folder with more than {MOST_FILES:,} files; allowed: a file, or a folder with nothing but a trace"
        )
        raise ScenarioError(f"workload.trace.path = {str(folder)!r}: {problem}")
    return files


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """Errors of files in a folder that is there."""
    try:
        yield
    except OSError as error:
        problem = f"cannot be read: {error.filename}: {error.strerror}"
        raise ScenarioError(f"workload.trace.path = {str(folder)!r}: {problem}") from error


def _version(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4096)
def _file_digest(file: Path, modified_ns: int, size_bytes: int) -> str:
    # The arguments that are not used make a changed file a new entry of the cache.
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
