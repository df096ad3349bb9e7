"""The state inside compiled code: one pointer to the table of addresses and shapes that `state.handle` makes.

Compiled functions write `state.slot[s]` as if they held the `State` tuple. They pass one machine word instead of 28 array structures, which
makes calls cheap and compilation an order of magnitude faster.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import intrinsic, overload_attribute, register_model

from agentsim_env.engine.jit import compiled
from agentsim_env.engine.state import LAYOUT, State


class StateType(types.Type):
    """Type of `state` in compiled code."""

    def __init__(self) -> None:
        """There is one such type."""
        super().__init__(name="AgentSimState")


STATE = StateType()


@register_model(StateType)
class _StateModel(models.PrimitiveModel):
    """The address of the table, as a 64-bit integer."""

    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, ir.IntType(64))


@intrinsic
def _as_state(_typing: Any, address: Any) -> Any:
    def generate(_context: Any, _builder: Any, _signature: Any, arguments: Any) -> Any:
        return arguments[0]

    return STATE(types.int64), generate


@intrinsic
def _word(_typing: Any, state: Any, index: Any) -> Any:
    """Word number `index` of the table."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        table = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.load(builder.gep(table, [arguments[1]]))

    return types.int64(STATE, types.int64), generate


@intrinsic
def _pointer(_typing: Any, address: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


def _declare(index: int, name: str, dtype: np.dtype, ndim: int) -> None:
    """Let compiled code read array `name` of the state."""
    first = 4 * index

    def get_1(state):  # numba compares the signatures, so neither may have annotations
        return lambda state: carray(_pointer(_word(state, first)), (_word(state, first + 1),), dtype)

    def get_2(state):  # numba compares the signatures, so neither may have annotations
        return lambda state: carray(
            _pointer(_word(state, first)), (_word(state, first + 1), _word(state, first + 2)), dtype
        )

    def get_3(state):  # numba compares the signatures, so neither may have annotations
        return lambda state: carray(
            _pointer(_word(state, first)),
            (_word(state, first + 1), _word(state, first + 2), _word(state, first + 3)),
            dtype,
        )

    overload_attribute(StateType, name)((get_1, get_2, get_3)[ndim - 1])


for _index, (_name, (_dtype, _ndim)) in enumerate(zip(State._fields, LAYOUT, strict=True)):
    _declare(_index, _name, _dtype, _ndim)


@intrinsic
def _address(_typing: Any, table: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.ptrtoint(array.data, ir.IntType(64))

    return types.int64(table), generate


@compiled
def bind(table):
    """The state behind a handle."""
    return _as_state(_address(table))
