"""Arrays and a text in an `.npz` file."""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agentsim_env.files import replacing
from agentsim_env.policies.errors import AgentError

MOST_BYTES = 1 << 28
"""Size of a policy, unpacked: some 70 million weights."""


def write(path: Path, text: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes both; the file appears whole or not at all."""
    content: dict[str, Any] = {"header": np.array(text), **arrays}
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, **content)


def open_arrays(path: Path) -> tuple[str, Callable[[str], np.ndarray]]:
    """The text, and what reads an array by its name.

    Raises:
        AgentError: It is no such file, or far larger than a policy.
    """
    if not zipfile.is_zipfile(path):
        raise AgentError(f"{path} is not an exported policy: it is no .npz file, or only a part of one")
    _check_size(path)

    def read(field: str) -> np.ndarray:
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return arrays[field]
        except Exception as error:  # numpy and zip know a dozen, according to where a file was cut
            raise AgentError(f"{path} is not an exported policy: {field} cannot be read: {error}") from None

    return str(read("header")), read


def _check_size(path: Path) -> None:
    """Refuses a file that unpacks to far more than a policy has."""
    try:
        with zipfile.ZipFile(path) as file:
            n_bytes = sum(part.file_size for part in file.infolist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise AgentError(f"{path} is not an exported policy: {error}") from None
    if n_bytes > MOST_BYTES:
        raise AgentError(f"{path} is not an exported policy: it unpacks to {n_bytes:,} bytes; at most {MOST_BYTES:,}")
