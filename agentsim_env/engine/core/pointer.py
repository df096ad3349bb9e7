"""The state inside compiled code: one pointer to the table of addresses and shapes that `state.handle` makes.

Compiled functions write `state.slot[s]` as if they held the `State` tuple. They pass one machine word instead of fifty
array structures, which makes calls cheap (ten times as many turns per second) and compilation fast.
"""

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic, register_model
from numba.np.arrayobj import make_array, populate_array

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import LAYOUT

WORD = ir.IntType(64)


class StateType(types.Type):
    """Type of `state` in compiled code."""

    def __init__(self) -> None:
        """There is one such type."""
        super().__init__(name="AgentSimState")


STATE = StateType()

_NUMBER = {name: number for number, name in enumerate(LAYOUT)}
_TYPE = {name: types.Array(numba.from_dtype(layout.dtype), layout.ndim, "C") for name, layout in LAYOUT.items()}


@register_model(StateType)
class _StateModel(models.PrimitiveModel):
    """The address of the table, as a 64-bit integer."""

    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, WORD)


@infer_getattr
class _Attributes(AttributeTemplate):
    """`state.slot` is an array of slots, and so on."""

    key = StateType

    def generic_resolve(self, _state: Any, name: str) -> Any:
        return _TYPE.get(name)


@lower_getattr_generic(StateType)
def _get(context: Any, builder: Any, _type: Any, state: Any, name: str) -> Any:
    """Build the array structure from its words in the table; it owns nothing."""
    array_type = _TYPE[name]
    table = builder.inttoptr(state, WORD.as_pointer())

    def word(k: int) -> Any:
        value = builder.load(builder.gep(table, [ir.Constant(WORD, k * len(LAYOUT) + _NUMBER[name])]))
        # Nobody writes into the table: what has been read of it is kept over stores to the arrays.
        value.set_metadata("invariant.load", builder.module.add_metadata([]))
        return value

    array = make_array(array_type)(context, builder)
    itemsize = ir.Constant(WORD, context.get_abi_sizeof(context.get_data_type(array_type.dtype)))
    shape = [word(1 + axis) for axis in range(array_type.ndim)]
    strides = [itemsize]
    for length in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    address = builder.inttoptr(word(0), array.data.type)
    populate_array(array, data=address, shape=shape, strides=strides, itemsize=itemsize, meminfo=None)
    return array._getvalue()


@intrinsic
def _state_at(_typing: Any, table: Any) -> Any:
    """The address of a table, as a state."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = make_array(signature.args[0])(context, builder, arguments[0])
        return builder.ptrtoint(array.data, WORD)

    return STATE(table), generate


@compiled
def bind(table):
    """The state behind a handle."""
    return _state_at(table)  # pyright: ignore[reportCallIssue]
