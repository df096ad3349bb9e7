"""How the engine is compiled: decorators, and cache folders keyed by the sources."""

import functools
import hashlib
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


_IMPORT = re.compile(r"^ *(?:from +([\w.]+) +import +(\([^)]*\)|.*)|import +(.*))", re.MULTILINE)


@functools.cache
def _imported(path: Path) -> set[Path]:
    """Sources of the engine and the environments that a source imports; to parse them all would take half a second."""
    names: set[str] = set()
    for module, members, modules in _IMPORT.findall(path.read_text(encoding="utf-8")):
        names |= {module, *(f"{module}.{member}" for member in re.findall(r"\w+", members))}
        names |= set(re.findall(r"[\w.]+", modules))
    found: set[Path] = set()
    for name in names:
        place = name.replace(".", "/")
        if place.startswith(_COMPILED_SOURCES) or f"{place}.py" in _COMPILED_SOURCES:
            found |= {_ROOT / f"{place}.py", _ROOT / place / "__init__.py"}
    # In a checkout the environments lie behind a link.
    return {path.resolve() for path in found if path.exists()}


def _with_imports(paths: Iterable[Path]) -> set[Path]:
    """Sources and all that they import, directly or not."""
    found: set[Path] = set()
    left = set(paths)
    while left:
        path = left.pop()
        found.add(path)
        left |= _imported(path) - found
    return found


_content = functools.cache(Path.read_bytes)


def _hash(paths: Iterable[Path]) -> str:
    """Hash of sources, wherever they lie; numba itself does not notice a change in a called file."""
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    for name, source in sorted((path.name, _content(path)) for path in paths):
        digest.update(name.encode() + source)
    return digest.hexdigest()[:16]


CACHE_ROOT = cache.ROOT

ENGINE_HASH = _hash((_ROOT / "agentsim_env" / "engine").rglob("*.py"))
"""Changes with every source of the engine: what was measured with it is kept under this name."""


def _code_of(function: Callable[..., Any]) -> CompiledCode:
    """Where the code of a function is kept: under the hash of all sources that it is made of."""
    path = Path(function.__code__.co_filename).resolve()
    name = f"{path.parent.name}.{path.stem}-{_hash(_with_imports([path]))}"
    return CompiledCode(function, CACHE_ROOT / "numba" / name)


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


def callback(signature: Any, function: Callable[..., Any]) -> Any:
    """Compile a function that compiled code calls by its address; it is cached on disk."""
    code = _uncompiled(signature, function)
    code.compile()
    return code


def is_kept(signature: Any, function: Callable[..., Any]) -> bool:
    """Whether the code of a callback seems to be in the cache."""
    code = _uncompiled(signature, function)
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
