"""How numba compiles the engine: a function that only compiled code calls is a part, translated and no more.

numba optimises each function together with all that it calls, makes machine code of it and a wrapper for Python, and
does so again for each caller. Here a part stays as it was translated, without an address. What has an address, a whole,
links in all its parts, and theirs, and is optimised once.
"""

import ctypes
from typing import Any, Literal

from numba import _dynfunc  # pyright: ignore[reportAttributeAccessIssue]
from numba.core import typed_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, Flags
from numba.core.compiler_machinery import register_pass
from numba.core.targetconfig import ConfigStack

from agentsim_env.engine.core.front_end import Translation, at_work, translate


class _Part(JITCodeLibrary):
    """The translation of one function."""

    def finalize(self) -> None:
        """Nothing is optimised before it is part of a whole."""
        self._finalized = True

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def translated(self) -> Any:
        """The module of this function alone, to be linked into others."""
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage.name == "external":
                function.linkage = "linkonce_odr"  # a whole may get it on several ways, and drop it
        return self._final_module

    def _get_module_for_linking(self) -> Any:
        """The same with all that it calls: for a caller that numba's own compiler compiles."""
        if self._shared_module is None:
            self._shared_module = self.translated().clone()
            for library in _called_by(self):
                self._shared_module.link_in(_module(library), preserve=True)
        return self._shared_module


def _called_by(library: Any) -> dict[Any, None]:
    """All libraries that a library calls, directly or through parts."""
    found: dict[Any, None] = {}
    left = list(library._linking_libraries)
    while left:
        called = left.pop()
        if called not in found:
            found[called] = None
            left += called._linking_libraries if isinstance(called, _Part) else []
    return found


def _module(library: Any) -> Any:
    return library.translated() if isinstance(library, _Part) else library._get_module_for_linking()


class _Whole(JITCodeLibrary):
    """A function that has an address, and all its parts."""

    def finalize(self) -> None:
        """Links all in, and optimises."""
        for library in _called_by(self):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(_module(library), preserve=True)
        self._linking_libraries = []
        super().finalize()

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        manager, builder = self._codegen._module_pass_manager()
        manager.run(self._final_module, builder)


@register_pass(mutates_CFG=True, analysis_only=False)
class _WholeLowering(typed_passes.NativeLowering):
    _name = "whole_lowering"

    @property
    def lowering_class(self) -> type[Translation]:
        return Translation

    def run_pass(self, state: Any) -> Literal[True]:
        state.library = _Whole(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return super().run_pass(state)


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(typed_passes.NativeLowering):
    _name = "part_lowering"

    @property
    def lowering_class(self) -> type[Translation]:
        return Translation

    def run_pass(self, state: Any) -> Literal[True]:
        state.library = _Part(state.targetctx.codegen(), state.func_id.func_qualname)
        super().run_pass(state)
        translated, descriptor = state.cr, state.cr.fndesc
        called = _dynfunc.make_function(
            descriptor.lookup_module(), descriptor.qualname, "", _NOT_CALLABLE, translated.env, (state.library,)
        )
        state.targetctx.insert_user_function(called, descriptor, [state.library])
        state["cr"] = translated._replace(cfunc=called)
        return True


_NOT_CALLABLE = ctypes.cast(ctypes.pythonapi.PyObject_Call, ctypes.c_void_p).value
"""What Python gets that calls a part: it calls the part as any object that is none, which is a `TypeError`."""


class _Options(Flags):
    """Options that are not changed any more, one object for all that are the same, which is how they are compared.

    numba looks for them in a table some thirty times for one `+`, and made a dictionary of all of them each time.
    """

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def copy(self) -> "_Options":
        """What numba takes a copy of it does not change."""
        return self


_known: dict[str, _Options] = {}


class _Compiler(CompilerBase):
    """The steps of numba's own compiler that the engine needs, and another last one."""

    lowering: Any

    def define_pipelines(self) -> list[Any]:
        """None: the steps are always the same."""
        return []

    def _compile_core(self) -> Any:
        state = self.state
        state.flags = _known.setdefault(state.flags.summary(), _Options(state.flags))
        with ConfigStack().enter(state.flags):
            translate(state)
            self.lowering().run_pass(state)
            typed_passes.NoPythonBackend().run_pass(state)
        state.pipeline = None
        return state.cr


class PartCompiler(_Compiler):
    """Compiles what only compiled code calls."""

    lowering = _PartLowering

    def _compile_core(self) -> Any:
        self.state.flags.no_compile = True
        return super()._compile_core()


class WholeCompiler(_Compiler):
    """Compiles what is called by its address, or from Python."""

    lowering = _WholeLowering

    def _compile_core(self) -> Any:
        with at_work():
            return super()._compile_core()
