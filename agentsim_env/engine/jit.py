"""How the engine is compiled: decorators, and cache folders keyed by the sources."""

import ast
import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
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


_ROOT = Path(__file__).resolve().parent.parent.parent
_COMPILED_SOURCES = ("agentsim_env/engine", "envs", "agentsim_env/workload/programs.py")


@cache
def _imported(path: Path) -> set[Path]:
    """Sources of the engine and the environments that a source imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    found: set[Path] = set()
    for name in names:
        place = name.replace(".", "/")
        if place.startswith(_COMPILED_SOURCES) or f"{place}.py" in _COMPILED_SOURCES:
            found |= {_ROOT / f"{place}.py", _ROOT / place / "__init__.py"}
    return {path for path in found if path.exists()}


def _with_imports(paths: Iterable[Path]) -> list[Path]:
    """Sources and all that they import, directly or not, sorted."""
    found: set[Path] = set()
    left = set(paths)
    while left:
        path = left.pop()
        found.add(path)
        left |= _imported(path) - found
    return sorted(found)


def _hash(paths: Iterable[Path]) -> str:
    """Hash of sources; numba itself does not notice a change in a called file."""
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


CACHE_ROOT = Path(os.environ.get("AGENTSIM_CACHE") or platformdirs.user_cache_dir("agentsim-env"))

ENGINE_HASH = _hash(sorted((_ROOT / "agentsim_env" / "engine").rglob("*.py")))
"""Changes with every source of the engine: what was measured with it is kept under this name."""


@contextmanager
def cached(source: str) -> Iterator[None]:
    """What is compiled inside from a file is kept on disk, under the hash of all sources that it is made of."""
    path = Path(source).resolve()
    folder = CACHE_ROOT / "numba" / f"{path.parent.name}.{path.stem}-{_hash(_with_imports([path]))}"
    _announce(folder)
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(folder)
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
    with cached(function.__code__.co_filename):
        return njit(cache=True, error_model="numpy", nogil=True)(function)


_announced = False


def _announce(folder: Path) -> None:
    """Say on the standard error stream, once, that something is about to be compiled."""
    global _announced
    if not COMPILED or folder.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    if not _announced:
        _announced = True
        print("agentsim-env: compiling the engine, once; this takes a minute or two ...", file=sys.stderr, flush=True)
