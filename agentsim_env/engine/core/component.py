"""Components of the engine: compiled each on its own, when it is called for the first time.

numba would optimise a function again inside each of its callers, and theirs, up to the call from Python; with several
hundred functions that takes minutes. A component is optimised once, and one that nobody calls is not compiled at all: a
rule, a mode or a tier that a scenario does not have costs nothing. The price is a plain call of two nanoseconds.

Callers find the address of a component in its slot, a word of memory. As long as there is none they have a thread of
Python compile it, or load it from the cache, and wait in compiled code. So an interrupt waits, too, and comes when
Python has the word again. A component that does not compile ends the process: nothing could be returned in its place.
"""

import ctypes
import os
import threading
import traceback
from _thread import start_new_thread
from collections.abc import Callable, Sequence
from functools import cache, partial
from pkgutil import resolve_name
from typing import Any, NamedTuple

from llvmlite import binding, ir
from numba import types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import infer_global, make_concrete_template

from agentsim_env.engine.core import second_process
from agentsim_env.engine.core.jit import COMPILED, callback, is_kept
from agentsim_env.engine.core.pointer import STATE, WORD
from agentsim_env.engine.core.usual import USUAL

NOTHING, NUMBER, SECONDS = types.void, types.int64, types.float64

_NOT_ASKED_FOR, _WANTED = 0, 1
"""What a slot holds instead of an address."""


class _Slot(NamedTuple):
    word: ctypes.c_void_p
    function: Any
    signature: Any


_slots: list[_Slot] = []
_made: dict[str, Any] = {}
_one_at_a_time = threading.RLock()
_FEW = 5
"""So many components are compiled sooner than a second process has begun."""


class Elsewhere(NamedTuple):
    """A function that stands above the engine: it is imported when it is called for the first time.

    Attributes:
        module: Its module.
        name: Its name there.
    """

    module: str
    name: str

    def found(self) -> Callable[..., Any]:
        """The function."""
        return resolve_name(f"{self.module}:{self.name}")


class _Table:
    """What stands for one component or several in the sources of their callers."""

    def __init__(self) -> None:
        self.slots: list[_Slot] = []


def component(returns: Any, *arguments: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a component `(state, *arguments) -> returns`, by their numba types."""

    def declare(function: Callable[..., Any]) -> Any:
        if not COMPILED:
            return function
        signature = returns(STATE, *arguments)
        made = _Table()
        slots = _declare(made, signature, [function], signature)

        @lower_builtin(made, *signature.args)
        def _call(context: Any, builder: Any, _signature: Any, given: Sequence[Any]) -> Any:
            return _call_slot(context, builder, slots(builder), signature, given)

        return made

    return declare


def table(returns: Any, *arguments: Any) -> Callable[[Sequence[Any]], Callable[..., Any]]:
    """As `component`, for several functions, or `Elsewhere`: `(state, number, *arguments)` calls one of them."""

    def declare(functions: Sequence[Any]) -> Any:
        if not COMPILED:
            return lambda state, number, *given: _found(functions[number])(state, *given)
        signature = returns(STATE, *arguments)
        made = _Table()
        slots = _declare(made, returns(STATE, NUMBER, *arguments), functions, signature)

        @lower_builtin(made, STATE, NUMBER, *arguments)
        def _call(context: Any, builder: Any, _signature: Any, given: Sequence[Any]) -> Any:
            state, number, *rest = given
            slot = builder.gep(slots(builder), [number])
            return _call_slot(context, builder, slot, signature, [state, *rest])

        return made

    return declare


def _declare(made: _Table, shown: Any, functions: Sequence[Any], signature: Any) -> Callable[..., Any]:
    """Make the slots; what is returned gives the address of the first while a call is compiled."""
    symbol = f"agentsim.slots.{_name(functions[0])}"
    words = (ctypes.c_void_p * len(functions))()
    for k, function in enumerate(functions):
        word = ctypes.c_void_p.from_buffer(words, k * ctypes.sizeof(ctypes.c_void_p))
        made.slots.append(_Slot(word, function, signature))
    _slots.extend(made.slots)
    binding.add_symbol(symbol, ctypes.addressof(words))
    infer_global(made, types.Function(make_concrete_template(symbol, made, [shown])))

    def slots(builder: Any) -> Any:
        return _external(builder.module, symbol)

    return slots


def _external(module: Any, symbol: str) -> Any:
    return module.globals.get(symbol) or ir.GlobalVariable(module, WORD, symbol)


def _call_slot(context: Any, builder: Any, slot: Any, signature: Any, given: Sequence[Any]) -> Any:
    """The call of the component whose address is in a slot."""
    found = builder.load(slot)
    with builder.if_else(builder.icmp_unsigned(">", found, WORD(_WANTED)), likely=True) as (is_there, is_missing):
        with is_there:
            known = builder.block
        with is_missing:
            waited = builder.call(_wait(builder.module), [slot])
            missing = builder.block
    address = builder.phi(WORD)
    address.add_incoming(found, known)
    address.add_incoming(waited, missing)
    returns, arguments = signature.return_type, signature.args
    kinds = [context.get_value_type(argument) for argument in arguments]
    result = ir.VoidType() if returns == NOTHING else context.get_value_type(returns)
    called = builder.inttoptr(address, ir.FunctionType(result, kinds).as_pointer())
    answer = builder.call(called, given)
    return context.get_dummy_value() if returns == NOTHING else answer


def _wait(module: Any) -> Any:
    """A function in a module that asks for the component of a slot, waits, and returns its address."""
    name = "agentsim.wait"
    if name in module.globals:
        return module.globals[name]
    word, flag, nothing, thread = WORD, ir.IntType(32), ir.VoidType(), ir.IntType(8).as_pointer()
    function = ir.Function(module, ir.FunctionType(word, [word.as_pointer()]), name)
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")

    def outside(symbol: str, returns: Any, *arguments: Any) -> Any:
        known = module.globals.get(symbol)
        return known or ir.Function(module, ir.FunctionType(returns, arguments), symbol)

    entry, ask, let, look, sleep, done, take = (
        function.append_basic_block(block) for block in ("entry", "ask", "let", "look", "sleep", "done", "take")
    )
    (slot,) = function.args
    builder = ir.IRBuilder(entry)
    asked = builder.cmpxchg(slot, word(_NOT_ASKED_FOR), word(_WANTED), "acq_rel", "acquire")
    builder.cbranch(builder.extract_value(asked, 1), ask, let)
    builder.position_at_end(ask)
    builder.call(outside("agentsim.wake", nothing), [])
    builder.branch(let)
    builder.position_at_end(let)
    # Whoever compiles needs Python's lock: code that has been called with it lets it go.
    holds = builder.icmp_unsigned("!=", builder.call(outside("PyGILState_Check", flag), []), flag(0))
    with builder.if_then(holds):
        saved = builder.call(outside("PyEval_SaveThread", thread), [])
        before = builder.block
    kept = builder.phi(thread)
    kept.add_incoming(thread(None), let)
    kept.add_incoming(saved, before)
    builder.branch(look)
    builder.position_at_end(look)
    address = builder.load_atomic(slot, "acquire", 8)
    builder.cbranch(builder.icmp_unsigned(">", address, word(_WANTED)), done, sleep)
    builder.position_at_end(sleep)
    builder.call(outside("usleep", flag, flag), [flag(100)])
    builder.branch(look)
    builder.position_at_end(done)
    with builder.if_then(holds):
        builder.call(outside("PyEval_RestoreThread", nothing, thread), [kept])
    builder.branch(take)
    builder.position_at_end(take)
    builder.ret(address)
    return function


def _compile_wanted() -> None:
    """Compile, or load, what compiled code waits for."""
    try:
        with _one_at_a_time:
            for slot in _slots:
                if slot.word.value == _WANTED:
                    _compile(slot)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def ready(made: Any, number: int = 0) -> None:
    """Have a component compiled now, if it is not yet: an error of numba comes here as any other.

    Args:
        made: What `component` or `table` has made.
        number: Of the component in a table.
    """
    if COMPILED:
        with _one_at_a_time:
            slot = made.slots[number]
            if not _has_address(slot):
                _compile(slot)


def in_use() -> set[str]:
    """Names of the components that have been called, and so been compiled or loaded, in this process."""
    return set(_made)


def in_order() -> list[str]:
    """The same in the order in which they were."""
    return list(_made)


def make_all(names: Sequence[str], goes_on: Callable[[], bool]) -> None:
    """Have components compiled, one after the other, that nobody has called yet.

    Args:
        names: As `in_use` gives them; one that is not there is passed over.
        goes_on: Asked before each.
    """
    by_name = {_name(slot.function): slot for slot in _slots}
    for slot in (by_name[name] for name in names if name in by_name):
        if not goes_on():
            return
        with _one_at_a_time:
            if not _has_address(slot):
                _compile(slot)


def every_name() -> list[str]:
    """Names of all components."""
    return [_name(slot.function) for slot in _slots]


def _has_address(slot: _Slot) -> bool:
    return (slot.word.value or _NOT_ASKED_FOR) > _WANTED


def _name(function: Any) -> str:
    if isinstance(function, Elsewhere):
        return f"{function.module}.{function.name}"
    return f"{function.__module__}.{function.__qualname__}"


def _found(function: Any) -> Callable[..., Any]:
    return function.found() if isinstance(function, Elsewhere) else function


def _n_missing() -> int:
    """How many of the usual components are not in the cache."""
    by_name = {_name(slot.function): slot for slot in _slots}
    usual = (by_name[name] for name in USUAL if name in by_name)
    return sum(not is_kept(slot.signature, _found(slot.function)) for slot in usual)


@cache
def _have_help() -> None:
    if _n_missing() > _FEW:
        second_process.begin("agentsim_env.engine.ahead")


def _compile(slot: _Slot) -> None:
    function = _found(slot.function)
    code = callback(slot.signature, function, _have_help)
    _made[_name(function)] = code
    slot.word.value = code.address


# A C function, so that no signal is handled, and raises, between compiled code and the thread.
_wake = ctypes.CFUNCTYPE(None)(partial(start_new_thread, _compile_wanted, ()))
binding.add_symbol("agentsim.wake", ctypes.cast(_wake, ctypes.c_void_p).value)
