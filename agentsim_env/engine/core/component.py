"""Components of the engine: compiled each on its own and called by name, like the functions of a C library.

numba would optimise a function again inside each of its callers, and theirs, up to the call from Python; with several
hundred functions that takes minutes. A component is optimised once. The price is a plain call of two nanoseconds.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import binding
from numba import types

from agentsim_env.engine.core.jit import COMPILED, callback
from agentsim_env.engine.core.pointer import STATE

NOTHING, NUMBER, SECONDS = types.void, types.int64, types.float64

_waiting: list[tuple[str, Any, Callable[..., Any]]] = []
_linked: list[Any] = []


def component(returns: Any, *arguments: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a component `(state, *arguments) -> returns`, by their numba types.

    It is compiled when `link` is called, after the components that it calls, which have been declared before it.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        if not COMPILED:
            return function
        symbol = f"{function.__module__}.{function.__qualname__}"
        signature = returns(STATE, *arguments)
        _waiting.append((symbol, signature, function))
        return types.ExternalFunction(symbol, signature)

    return declare


def link() -> None:
    """Compile the components declared so far, or load them from the cache, and make them known by their names."""
    while _waiting:
        symbol, signature, function = _waiting[0]
        code = callback(signature, function)
        binding.add_symbol(symbol, code.address)
        _linked.append(code)
        del _waiting[0]
