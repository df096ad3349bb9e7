"""What numba does before LLVM, without what the engine has no use for.

Most of the time of a first start goes there: numba looks at each function on its own, whatever it calls. The engine
allocates nothing, so no references are counted and no variable has to be given up; and its operators are those of
numbers, so the type that one function was told of a result holds for all.
"""

import gc
import operator
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from numba.core import errors as numba_errors
from numba.core import ir_utils, transforms, typed_passes, typeinfer, types, untyped_passes
from numba.core.datamodel.registry import default_manager
from numba.core.lowering import Lower
from numba.core.registry import cpu_target
from numba.core.rewrites.registry import rewrite_registry
from numba.core.ssa import reconstruct_ssa
from numba.np import arrayobj

errors: Any = numba_errors


def translate(state: Any) -> None:
    """From Python to a typed function, as numba's passes do.

    Left out is what is for closures, array expressions, `with`, `literally`, generators and loops that are run in
    parallel, and the account of which variables live where.
    """
    untyped_passes.TranslateByteCode().run_pass(state)
    untyped_passes.FixupArgs().run_pass(state)
    function = state.func_ir
    function.blocks = transforms.canonicalize_cfg(function.blocks)
    function.generator_info = None
    _rewrite(state)
    state.func_ir = reconstruct_ssa(function)
    untyped_passes.ReconstructSSA()._patch_locals(state)
    state.func_ir._definitions = ir_utils.build_definitions(state.func_ir.blocks)
    _infer_types(state)
    state.func_ir = typed_passes.PreLowerStripPhis()._strip_phi_nodes(state.func_ir)
    state.func_ir._definitions = ir_utils.build_definitions(state.func_ir.blocks)
    if state.flags.nrt:
        typed_passes.IRLegalization().run_pass(state)
    typed_passes.AnnotateTypes().run_pass(state)


def _rewrite(state: Any) -> None:
    """What is constant is written as such."""
    blocks = state.func_ir.blocks
    for kind in rewrite_registry.rewrites["before-inference"]:
        rewrite = kind(state)
        left = list(blocks.items())
        while left:
            key, block = left.pop()
            if rewrite.match(state.func_ir, block, state.typemap, state.calltypes):
                blocks[key] = rewrite.apply()
                left.append((key, blocks[key]))


def _infer_types(state: Any) -> None:
    """The type of each variable and of each call."""
    infer = _Inference(state.typingctx, state.func_ir, errors.WarningsFixer(errors.NumbaWarning))
    with (
        typed_passes.fallback_context(state, f'Function "{state.func_id.func_name}" failed type inference'),
        state.typingctx.callstack.register(state.targetctx.target, infer, state.func_id, state.args),
        infer.warnings,
    ):
        for index, (name, given) in enumerate(zip(state.func_ir.arg_names, state.args, strict=True)):
            infer.seed_argument(name, index, given)
        if state.return_type is not None:
            infer.seed_return(state.return_type)
        infer.build_constraint()
        infer.propagate()
        state.typemap, state.return_type, state.calltypes = infer.unify()


class _Inference(typeinfer.TypeInferer):
    """Asks once for the type of what an operator, or a function of numba, makes of given types."""

    def resolve_call(self, fnty: Any, pos_args: Any, kw_args: Any) -> Any:
        if not isinstance(fnty, types.BaseFunction) or kw_args:
            return super().resolve_call(fnty, pos_args, kw_args)
        if fnty.typing_key in _OF_NUMBERS:
            pos_args = tuple(map(types.unliteral, pos_args))
        key = (id(fnty), *map(id, pos_args))
        found = _resolved.get(key)
        if found is None:
            found = _resolved[key] = super().resolve_call(fnty, pos_args, kw_args), fnty, pos_args
        return found[0]


_OF_NUMBERS = {
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod),
    *(operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne, operator.and_, operator.or_),
}
"""Operators for which a number that is written out is a number like any other."""

_resolved: dict[tuple[int, ...], tuple[Any, ...]] = {}
"""By identity, which is how numba tells its types apart; they are kept here so that no other takes their place."""


class Translation(Lower):
    """Translates a typed function for LLVM, which keeps variables of one block in registers by itself."""

    def lower_block(self, block: Any) -> None:
        """One block; what goes wrong names the line."""
        self.pre_block(block)
        for inst in block.body:
            self.loc = inst.loc
            try:
                self.lower_inst(inst)
            except Exception:
                error = partial(errors.LoweringError, loc=self.loc)
                with errors.new_error_context('lowering "{inst}" at {loc}', inst=inst, loc=self.loc, errcls_=error):
                    raise
        self.post_block(block)

    def storevar(self, value: Any, name: str, argidx: int | None = None) -> None:
        """Nothing counts references to what a variable had before, where nothing is allocated."""
        if self.context.enable_nrt:
            super().storevar(value, name, argidx)
            return
        self._alloca_var(name, self.typeof(name))
        if name in self._singly_assigned_vars:
            self._blk_local_varmap[name] = value
        else:
            self.builder.store(value, self.getvar(name))

    def lower_expr(self, resty: Any, expr: Any) -> Any:
        """Numba looks in vain for rows that have a way of their own for each number."""
        if expr.op == "static_getitem" and expr.index_var is not None and _is_row(self.typeof(expr.value.name)):
            return self.lower_getitem(resty, expr, expr.value, expr.index_var, self.fndesc.calltypes[expr])
        return super().lower_expr(resty, expr)

    def lower_getitem(self, resty: Any, expr: Any, value: Any, index: Any, signature: Any) -> Any:
        """An element of a row of numbers or records, by its number; numba first makes a view of it."""
        array, number = self.typeof(value.name), self.typeof(index.name)
        if not _is_row(array) or not isinstance(number, types.Integer) or self.context.enable_boundscheck:
            return super().lower_getitem(resty, expr, value, index, signature)
        found, builder = self.loadvar(value.name), self.builder
        length = builder.extract_value(found, [_SHAPE, 0])
        at = arrayobj.fix_integer_index(self.context, builder, number, self.loadvar(index.name), length)
        item = arrayobj.load_item(self.context, builder, array, builder.gep(builder.extract_value(found, _DATA), [at]))
        return self.context.cast(builder, item, array.dtype, resty)


_PLACE = default_manager.lookup(types.Array(types.int8, 1, "C")).get_field_position
_DATA, _SHAPE = _PLACE("data"), _PLACE("shape")


def _is_row(array: Any) -> bool:
    return isinstance(array, types.Array) and array.ndim == 1 and array.layout == "C"


@contextmanager
def at_work() -> Iterator[None]:
    """While a function is compiled: garbage waits, and numba does not look each time for what others have declared."""
    contexts: Any = cpu_target.target_context, cpu_target.typing_context
    collects = gc.isenabled()
    gc.disable()
    for context in contexts:
        context.load_additional_registries = partial(_look_again, context)
    try:
        yield
    finally:
        for context in contexts:
            context.__dict__.pop("load_additional_registries", None)
        if collects:
            gc.enable()


def _look_again(context: Any) -> None:
    """What has been declared in the registries that are known, which numba looks through on each of its own calls."""
    for registry in list(context._registries):
        context.install_registry(registry)
