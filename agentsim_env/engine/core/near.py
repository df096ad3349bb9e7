"""Memory that is about to be read: it is asked for ahead, and the processor goes on meanwhile."""

from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core.cgutils import for_range, unpack_tuple
from numba.np.arrayobj import make_array

from agentsim_env.engine.core.jit import COMPILED
from agentsim_env.engine.core.state import LINE_BYTES

_WORD, _FLAG, _BYTE = ir.IntType(64), ir.IntType(32), ir.IntType(8)


def _hint(builder: Any, address: Any, lines: Any) -> None:
    pointer = _BYTE.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [pointer, _FLAG, _FLAG, _FLAG])
    name = "llvm.prefetch.p0"
    hint = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    with for_range(builder, lines) as loop:
        at = builder.add(address, builder.mul(loop.index, _WORD(LINE_BYTES)))
        builder.call(hint, [builder.inttoptr(at, pointer), _FLAG(0), _FLAG(3), _FLAG(1)])


def _prefetch(_typing: Any, _address: Any, _lines: Any) -> Any:
    """Have so many cache lines from an address on brought near."""

    def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        _hint(builder, *given)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


def _near(_typing: Any, array: Any, _row: Any, _lines: Any) -> Any:
    """Have the first so many cache lines of a row of an array brought near."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        rows, (_, row, lines) = make_array(signature.args[0])(context, builder, given[0]), given
        stride = unpack_tuple(builder, rows.strides)[0]
        _hint(builder, builder.add(builder.ptrtoint(rows.data, _WORD), builder.mul(row, stride)), lines)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), generate


def _nothing(*_: Any) -> None:
    """What Python does of it."""


prefetch: Any = extending.intrinsic(_prefetch)
near: Any = extending.intrinsic(_near) if COMPILED else _nothing
