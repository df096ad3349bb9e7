"""How the engine is compiled: decorators, and cache folders keyed by the sources."""

import functools
import hashlib
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import config
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature

from agentsim_env import cache
from agentsim_env.engine.core.compiled_code import CompiledCode
from agentsim_env.engine.core.compiler import PartCompiler, WholeCompiler

settings: Any = config
njit: Any = numba.njit

COMPILED = not settings.DISABLE_JIT
"""False when `NUMBA_DISABLE_JIT=1`: the engine then runs as plain Python, for a debugger or for coverage."""


_ROOT = Path(__file__).resolve().parents[3]
_COMPILED_SOURCES = ("agentsim_env/engine", "agentsim_env/envs", "agentsim_env/workload/programs.py")


def _modules() -> dict[str, str]:
    """Sources of the engine and the environments by the names of their modules."""
    found: dict[str, str] = {}
    for place in _COMPILED_SOURCES:
        within = (_ROOT / place).resolve()  # in a checkout the environments lie behind a link
        for path in map(str, within.rglob("*.py") if within.is_dir() else [within]):
            name = f"{place}{path.removeprefix(str(within))}".removesuffix(".py").replace(os.sep, ".")
            found[name.replace("/", ".").removesuffix(".__init__")] = path
    return found


_MODULES = _modules()
_IMPORT = re.compile(r"^ *(?:from +([\w.]+) +import +(\([^)]*\)|.*)|import +(.*))", re.MULTILINE)


@functools.cache
def _content(path: str) -> bytes:
    return Path(path).read_bytes()


@functools.cache
def _imported(path: str) -> set[str]:
    """Sources among these that a source imports; to parse them all would take half a second."""
    names: set[str] = set()
    for module, members, modules in _IMPORT.findall(_content(path).decode("utf-8")):
        names |= {module, *(f"{module}.{member}" for member in re.findall(r"\w+", members))}
        names |= set(re.findall(r"[\w.]+", modules))
    return {_MODULES[name] for name in names & _MODULES.keys()}


def _with_imports(path: str) -> set[str]:
    """A source and all that it imports, directly or not."""
    found: set[str] = set()
    left = {path}
    while left:
        path = left.pop()
        found.add(path)
        left |= _imported(path) - found
    return found


@functools.cache
def _digest(path: str) -> bytes:
    return hashlib.sha256(Path(path).name.encode() + _content(path)).digest()


def _hash(paths: Iterable[str]) -> str:
    """Hash of sources, wherever they lie; numba itself does not notice a change in a called file."""
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    for one in sorted(_digest(path) for path in paths):
        digest.update(one)
    return digest.hexdigest()[:16]


CACHE_ROOT = cache.ROOT

ENGINE_HASH = _hash(path for name, path in _MODULES.items() if name.startswith("agentsim_env.engine"))
"""Changes with every source of the engine: what was measured with it is kept under this name."""


def _code_of(function: Callable[..., Any]) -> CompiledCode:
    """Where the code of a function is kept: under the hash of all sources that it is made of."""
    return CompiledCode(function, CACHE_ROOT / "numba" / _folder_of(function.__code__.co_filename))


@functools.cache
def _folder_of(file: str) -> str:
    path = Path(file).resolve()
    return f"{path.parent.name}.{path.stem}-{_hash(_with_imports(str(path)))}"


_OPTIONS = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}


def allocating(function: Callable[..., Any]) -> Callable[..., Any]:
    """Says of a function, below `entry` or `compiled`, that it makes arrays; the engine makes none while it runs."""
    function.allocates = True  # pyright: ignore[reportFunctionMemberAccess]
    return function


def _options(function: Callable[..., Any]) -> dict[str, Any]:
    return _OPTIONS | {"_nrt": getattr(function, "allocates", False)}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile an engine function with numba, as part of whoever calls it.

    No fastmath: bits must not depend on how the compiler feels. Division by zero follows numpy.
    """
    if not COMPILED:
        return function
    part = njit(**_options(function), no_cpython_wrapper=True, pipeline_class=PartCompiler)(function)
    _take_wide_numbers(part._compiler)
    return part


def _take_wide_numbers(compiler: Any) -> None:
    """Have a function compiled once for all signed numbers: fields have 32 bits, what is computed of them 64."""
    fold = compiler.fold_argument_types

    def fold_and_widen(*given: Any) -> tuple[Any, tuple[Any, ...]]:
        signature, arguments = fold(*given)
        return signature, tuple(types.int64 if _is_narrow(argument) else argument for argument in arguments)

    compiler.fold_argument_types = fold_and_widen


def _is_narrow(argument: Any) -> bool:
    return types.unliteral(argument) in types.signed_domain | {types.boolean}


def entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that Python calls; it is cached on disk."""
    if not COMPILED:
        return function
    dispatcher = njit(**_options(function), pipeline_class=WholeCompiler)(function)
    dispatcher._cache = _code_of(function)
    return dispatcher


def callback(signature: Any, function: Callable[..., Any], missing: Callable[[], None]) -> Any:
    """Compile a function that compiled code calls by its address; it is cached on disk.

    Args:
        signature: Of the function.
        function: The function.
        missing: Called before it is compiled, if it does not seem to be in the cache.
    """
    code = _uncompiled(signature, function)
    if not _is_kept(code):
        missing()
    code.compile()
    return code


def is_kept(signature: Any, function: Callable[..., Any]) -> bool:
    """Whether the code of a callback seems to be in the cache."""
    return _is_kept(_uncompiled(signature, function))


def _is_kept(code: Any) -> bool:
    return code._cache.entry(code._sig, code._targetdescr.target_context.codegen()).exists()


def _uncompiled(signature: Any, function: Callable[..., Any]) -> Any:
    options = {"error_model": "numpy", "forceinline": True, "_nrt": False}
    compiler: Any = WholeCompiler
    code: Any = CFunc(function, normalize_signature(signature), {}, options, compiler)
    code._cache = _code_of(function)
    return code


def written_out(text: str, file: str, **names: Any) -> dict[str, Callable[..., Any]]:
    """Functions from a text that uses `names`, as if it stood in `file`.

    numba keeps no function in its cache that gets another one as an argument or closes over it, and cannot index a
    table of functions without giving up inlining: what is made of functions has to be written out.

    Args:
        text: Definitions of functions.
        file: Where they count as written: what this file imports decides where their code is kept.
        names: What the text calls.

    Returns:
        All names in it, those of the new functions too.
    """
    scope: dict[str, Any] = {**names, "__name__": __name__}  # numba imports it when it loads them from its cache
    exec(compile(text, file, "exec"), scope)
    return scope
