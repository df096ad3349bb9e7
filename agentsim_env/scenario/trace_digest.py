"""What a trace is, for the hash of a scenario: its bytes, wherever they lie."""

import hashlib
from functools import lru_cache
from pathlib import Path

from agentsim_env.scenario.errors import ScenarioError


def trace_digest(path: str) -> str:
    """SHA-256 of a file, or of the names and bytes of all files in a folder, as hexadecimal digits.

    Raises:
        FileNotFoundError: There is neither a file nor a folder of that name.
        ScenarioError: It is a pipe, a device or a socket, which may never end.
    """
    root = Path(path)
    if root.exists() and not root.is_dir() and not root.is_file():
        problem = "is a pipe, a device or a socket; allowed: a regular file or a folder"
        raise ScenarioError(f"workload.trace.path = {path!r}: {problem}")
    if not root.is_dir():
        return _file_digest(root, *_version(root))
    digest = hashlib.sha256()
    for file in sorted(file for file in root.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(root).as_posix()}:{_file_digest(file, *_version(file))}\n".encode())
    return digest.hexdigest()


def _version(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4096)
def _file_digest(file: Path, modified_ns: int, size_bytes: int) -> str:
    # The arguments that are not used make a changed file a new entry of the cache.
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
