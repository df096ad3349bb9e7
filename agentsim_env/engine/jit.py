"""How the engine is compiled: decorators, and one cache folder keyed by the sources."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
import numpy as np
import platformdirs
from numba.core import config

settings: Any = config
njit: Any = numba.njit

COMPILED = not settings.DISABLE_JIT
"""False when `NUMBA_DISABLE_JIT=1`: the engine then runs as plain Python, for a debugger or for coverage."""


def _sources_hash() -> str:
    """Hash of every source that is compiled; numba itself does not notice a change in a called file."""
    package = Path(__file__).resolve().parent.parent
    folders = [package / "engine", package.parent / "envs"]
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


CACHE_FOLDER = Path(
    os.environ.get("AGENTSIM_CACHE") or platformdirs.user_cache_dir("agentsim-env"), "numba", _sources_hash()
)


@contextmanager
def cached() -> Iterator[None]:
    """What is compiled inside is kept on disk, under the hash of the sources."""
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(CACHE_FOLDER)
    try:
        yield
    finally:
        settings.CACHE_DIR = before


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile an engine function with numba, as part of whoever calls it.

    No fastmath: bits must not depend on how the compiler feels. Division by zero follows numpy.
    """
    if not COMPILED:
        return function
    return njit(error_model="numpy", nogil=True, no_cfunc_wrapper=True)(function)


def entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that Python calls; it is cached on disk."""
    if not COMPILED:
        return function
    with cached():
        return njit(cache=True, error_model="numpy", nogil=True)(function)


def announce_compilation() -> None:
    """Say on the standard error stream, once, that the engine is about to be compiled."""
    if COMPILED and not CACHE_FOLDER.exists():
        CACHE_FOLDER.mkdir(parents=True, exist_ok=True)
        print("agentsim-env: compiling the engine, once; this takes a minute or two ...", file=sys.stderr, flush=True)
