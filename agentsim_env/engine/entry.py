"""The calls from Python into the compiled engine: each takes the handle of a state."""

import numpy as np

from agentsim_env.engine import kv_time, loop
from agentsim_env.engine.batching import synchronise
from agentsim_env.engine.component import link
from agentsim_env.engine.jit import COMPILED, entry
from agentsim_env.engine.pointer import bind
from agentsim_env.engine.router import asked_rule
from agentsim_env.engine.state import SEEN, State, handle


@entry
def _advance(table, action):
    return loop.advance(bind(table), action)


@entry
def _synchronise_all(table):
    state = bind(table)
    for i in range(len(state.instance)):
        synchronise(state, i)


@entry
def _block_seconds(table, out):
    kv_time.totals(bind(table), out)


@entry
def _default(table):
    return asked_rule(bind(table))


def block_seconds(state: State) -> np.ndarray:
    """KV block-seconds of each instance of a state that is synchronised, `f8 [N, 7]`; see `engine/kv_time.py`."""
    out = np.zeros_like(state.block_s)
    if COMPILED:
        _block_seconds(handle(state), out)
    else:
        kv_time.totals(state, out)
    return out


FIXED = frozenset(
    {
        "program",
        "prefix",
        "turn",
        "edge",
        "segment",
        "profile",
        "by_tokens",
        "by_seqs",
        "rule",
        "parameter",
        "due_after_s",
        "use_first",
        "use_turn",
    }
)
"""Arrays of the state that no simulation changes; snapshots share them."""


class Core:
    """A state and the calls that move it."""

    def __init__(self, state: State) -> None:
        """Take over a state; its arrays must not be replaced, only changed in place."""
        self.state = state
        link()
        self.handle: np.ndarray = handle(state) if COMPILED else np.zeros((0, 0), np.int64)

    def __reduce__(self) -> tuple[type["Core"], tuple[State]]:
        """A copy, a pickled one too, has arrays of its own; the addresses of these do not apply to it."""
        return Core, (self.state,)

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

    def block_seconds(self) -> np.ndarray:
        """KV block-seconds of each instance until now, `f8 [N, 7]`; see `engine/kv_time.py`."""
        self.synchronise()
        return block_seconds(self.state)

    def default(self) -> int:
        """What the scenario's rule answers to the pending decision; asking changes nothing."""
        if COMPILED:
            return _default(self.handle)
        return asked_rule(self.state)

    def snapshot(self) -> State:
        """A copy of everything that changes."""
        copies = {name: array.copy() for name, array in self.state._asdict().items() if name not in FIXED}
        if self.state.seen is self.state.instance:
            copies |= {seen: copies[name] for seen, name in SEEN.items()}
        return self.state._replace(**copies)
