"""Compiled code on disk, in the place of numba's own cache.

numba keeps an index and a data file for each function beside its source or in a folder that it must be able to write,
and stops with whatever error unpickling gives where one of them was cut. Here an entry is one file with a hash of its
content, and `agentsim_env.cache` says where it lies: one that cannot be used counts as missing, and nothing that goes
wrong with it keeps code from being compiled. Processes that need the same function at once compile it once.
"""

import hashlib
import pickle
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from multiprocessing import parent_process
from pathlib import Path
from typing import Any
from weakref import finalize

from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from agentsim_env import cache
from agentsim_env.engine.core.usual import USUAL

_DIGEST_BYTES = hashlib.sha256().digest_size


class CompiledCode(_Cache):
    """The code of one function, by types of its arguments and kind of processor.

    Args:
        function: The Python function, of a module: one without variables of a function around it.
        folder: Where its entries belong; the name says which sources it was made of.
    """

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        self._function = function
        self._folder = folder
        self._alone = ExitStack()
        finalize(self, self._alone.close)  # where it does not compile, and nothing is saved

    @property
    def cache_path(self) -> Any:
        """The folder, as numba shows it."""
        return str(self._folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code for a signature, None where it has to be compiled."""
        if getattr(self._function, "allocates", False):
            target_context.refresh()  # which imports half of numba, and scipy; code that only computes needs none of it
        path = self.entry(sig, target_context.codegen())
        code = _rebuilt(path, target_context)
        if code is None:
            self._alone.enter_context(cache.alone(path))
            code = _rebuilt(path, target_context)  # somebody else may have compiled it meanwhile
            if code is None:
                _begin(self._function.__qualname__)
            else:
                self._alone.close()
        return code

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keeps what was compiled for a signature, unless it holds addresses of this process."""
        _end()
        with self._alone:
            if data.library.has_dynamic_globals or data.lifted:
                return
            content = dumps(data._reduce())
            cache.write(self.entry(sig, data.codegen), _digest(content) + content)

    def enable(self) -> None:
        """It always is."""

    def disable(self) -> None:
        """It cannot be: numba asks nobody to."""

    def flush(self) -> None:
        """Entries are never forgotten: other sources have another folder."""

    def entry(self, sig: Any, codegen: Any) -> Path:
        """Where the code for a signature is kept."""
        code = self._function.__code__
        python = sys.version_info[:2]
        told_apart = (sig, codegen.magic_tuple(), code.co_firstlineno, code.co_code, code.co_names, python)
        return self._folder / f"{self._function.__qualname__}-{_digest(repr(told_apart).encode()).hex()[:24]}.nbc"


def _rebuilt(path: Path, target_context: Any) -> Any:
    """The code in an entry, None if it is missing or of no use."""
    content = cache.read(path)
    if content is not None and _digest(content[_DIGEST_BYTES:]) == content[:_DIGEST_BYTES]:
        with suppress(Exception):  # what another build of numba has kept may be unpickled to anything
            return CompileResult._rebuild(target_context, *pickle.loads(content[_DIGEST_BYTES:]))
    return None


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


_LONG_S = 1.5
_compiled: list[str] = []
_begun_s = 0.0
_shown = False
_silent = False


def n_compiled() -> int:
    """Functions that were not in the cache, and so were compiled, since this process began."""
    return len(_compiled)


def say_nothing() -> None:
    """From now on: somebody else shows how far it is."""
    global _silent
    _silent = True


def _begin(name: str) -> None:
    """Says on the standard error stream that something is about to be compiled: once, or with a count on a terminal."""
    global _begun_s, _shown
    if not _compiled:
        _begun_s = time.monotonic()
    if _silent:
        pass
    elif not _compiled:
        if not sys.stderr.isatty():
            print(f"{_MESSAGE}; what a scenario needs of it takes half a minute ...", file=sys.stderr, flush=True)
    elif sys.stderr.isatty() and parent_process() is None and time.monotonic() - _begun_s > _LONG_S:
        _shown = True
        print(f"\r{_MESSAGE} {_bar(len(_compiled))} ", end="", file=sys.stderr, flush=True)
    _compiled.append(name)


def _end() -> None:
    """Takes the count from the terminal."""
    global _shown
    if _shown:
        _shown = False
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _bar(n: int) -> str:
    share = min(1.0, n / len(USUAL))
    full = round(share * _BAR)
    return f"[{'#' * full}{'.' * (_BAR - full)}] {n} of about {len(USUAL)}"


_MESSAGE = "agentsim-env: compiling the engine, once"
_BAR = 30
