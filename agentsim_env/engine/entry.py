"""The calls from Python into the compiled engine: each takes the handle of a state."""

from typing import Any

import numpy as np

from agentsim_env.engine import loop
from agentsim_env.engine.batching import synchronise
from agentsim_env.engine.jit import COMPILED, compiled
from agentsim_env.engine.pointer import bind
from agentsim_env.engine.state import State, handle


@compiled
def _advance(table, action):
    return loop.advance(bind(table), action)


@compiled
def _synchronise_all(table):
    state = bind(table)
    for i in range(len(state.instance)):
        synchronise(state, i)


class Core:
    """A state and the calls that move it."""

    def __init__(self, state: State) -> None:
        """Take over a state; its arrays must not be replaced, only changed in place."""
        self.state = state
        self.handle: np.ndarray = handle(state) if COMPILED else np.zeros((0, 0), np.int64)

    def advance(self, action: int = 0) -> int:
        """See `agentsim_env.engine.loop.advance`."""
        if COMPILED:
            return _advance(self.handle, action)
        return loop.advance(self.state, action)

    def synchronise(self) -> None:
        """Bring every instance up to now, for somebody who looks at blocks and token counts in the middle of a run."""
        if COMPILED:
            _synchronise_all(self.handle)
            return
        for i in range(len(self.state.instance)):
            synchronise(self.state, i)

    def snapshot(self) -> tuple[np.ndarray, ...]:
        """Copies of all arrays that change."""
        return tuple(np.array(array) for array in self.state)

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """Put the arrays back to what `snapshot` returned."""
        for array, saved in zip(self.state, snapshot, strict=True):
            if array.flags.writeable:
                array[...] = saved
