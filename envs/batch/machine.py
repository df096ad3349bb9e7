"""What compiled code needs of the machine where several threads work on one batch."""

from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.np.arrayobj import make_array

intrinsic: Any = extending.intrinsic

_FLAG = ir.IntType(32)


@intrinsic
def fetch_add(_typing: Any, words: Any, _at: Any, _amount: Any) -> Any:
    """Add to an element of an array of words that other threads add to as well; returns what it was."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.atomic_rmw("add", _place(context, builder, signature, given), given[2], "acq_rel")

    return types.int64(words, types.int64, types.int64), generate


@intrinsic
def load(_typing: Any, words: Any, _at: Any) -> Any:
    """An element of an array of words that other threads write."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.load_atomic(_place(context, builder, signature, given), "acquire", 8)

    return types.int64(words, types.int64), generate


@intrinsic
def store(_typing: Any, words: Any, _at: Any, _value: Any) -> Any:
    """Write an element of an array of words that other threads read: what was written before it is there, too."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        builder.store_atomic(given[2], _place(context, builder, signature, given), "release", 8)
        return context.get_dummy_value()

    return types.void(words, types.int64, types.int64), generate


@intrinsic
def sleep_us(_typing: Any, _microseconds: Any) -> Any:
    """Sleep at least so long."""

    def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        builder.call(_outside(builder, "usleep", [_FLAG]), [builder.trunc(given[0], _FLAG)])
        return context.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic
def let_others(_typing: Any) -> Any:
    """Let another thread have the core if one wants it."""

    def generate(context: Any, builder: Any, _signature: Any, _given: Any) -> Any:
        builder.call(_outside(builder, "sched_yield", []), [])
        return context.get_dummy_value()

    return types.void(), generate


def _place(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    """Address of element `given[1]` of the array of words `given[0]`."""
    words = make_array(signature.args[0])(context, builder, given[0])
    return builder.gep(words.data, [given[1]])


def _outside(builder: Any, name: str, arguments: Any) -> Any:
    """A function of the C library."""
    known = builder.module.globals.get(name)
    return known or ir.Function(builder.module, ir.FunctionType(_FLAG, arguments), name)
