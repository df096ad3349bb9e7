"""The calls from Python into the compiled engine: each takes the handle of a state."""

from collections.abc import Callable
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from agentsim_env.engine import loop
from agentsim_env.engine.batch.runs import synchronise
from agentsim_env.engine.core.decisions import KINDS, PAUSED
from agentsim_env.engine.core.jit import COMPILED, entry
from agentsim_env.engine.core.pointer import bind
from agentsim_env.engine.core.rule import ready
from agentsim_env.engine.core.state import LAYOUT, SEEN, State, handle
from agentsim_env.engine.residency import kv_time
from agentsim_env.engine.settle import asked_rule
from agentsim_env.workload.faults import Faults

FIRST_SLICE = 4096
"""Events before compiled code comes back to Python for the first time in a call."""

SLICE_S = 0.05
"""Wall time until it comes back again: an interrupt waits no longer, and nobody notices what coming back costs."""

FAULTS_AT_ONCE = 256
"""Faults that a state is given at a time."""

Result = TypeVar("Result", bound=tuple[Any, ...])


@entry
def _advance(table, action):
    return loop.advance(bind(table), action)


@entry
def _add_faults(table, faults, until_s):
    loop.add_faults(bind(table), faults, until_s)


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
    """KV block-seconds of each instance of a synchronised state, `f8 [N, 7]`; see `engine/residency/kv_time.py`."""
    out = np.zeros_like(state.block_s)
    if COMPILED:
        _block_seconds(handle(state), out)
    else:
        kv_time.totals(state, out)
    return out


class Core:
    """A state and the calls that move it."""

    def __init__(self, state: State, faults: Faults | None = None) -> None:
        """Take over a state; its arrays must not be replaced, only changed in place.

        Args:
            state: The state.
            faults: Where it gets further faults from, if its blueprint has not been given all.
        """
        self.state = state
        self.faults = faults
        for kind, number in zip(KINDS, state.rule, strict=True):
            ready(kind, int(number))
        self.handle: np.ndarray = handle(state) if COMPILED else np.zeros((0, 0), np.int64)

    def __reduce__(self) -> tuple[type["Core"], tuple[State, Faults | None]]:
        """A copy, a pickled one too, has arrays of its own; the addresses of these do not apply to it."""
        return Core, (self.state, self.faults)

    def advance(self, action: int = 0, between: Callable[[], None] | None = None) -> int:
        """See `agentsim_env.engine.loop.advance`; pauses are passed over.

        Args:
            action: Answer to the pending decision.
            between: Called at each pause, some twenty times a second. What it raises, as what an interrupt raises,
                leaves a state that goes on from there when `advance` is called again.
        """
        asked = self._advance(action)
        if asked == PAUSED:
            (asked,) = self.after_pause(lambda: (self._advance(0),), between)
        return asked

    def _advance(self, action: int) -> int:
        if COMPILED:
            return _advance(self.handle, action)
        return loop.advance(self.state, action)

    def after_pause(self, go_on: Callable[[], Result], between: Callable[[], None] | None = None) -> Result:
        """Go on after a pause, pause by pause, until something else comes.

        Args:
            go_on: Calls compiled code that advances; its first result is what `advance` in `engine/loop.py` returns.
            between: Called at each pause.

        Returns:
            What `go_on` has returned last.
        """
        world = self.state.world
        took_s = SLICE_S
        try:
            while True:
                if between is not None:
                    between()
                # A slice that ended early, for want of faults, does not say how long its events would have taken.
                if not self._give_faults():
                    share = SLICE_S / (took_s + 1e-9)
                    world["slice_events"] = max(1, int(world["slice_events"][0] * min(share, 4.0)))
                begun_s = perf_counter()
                result = go_on()
                if result[0] != PAUSED:
                    return result
                took_s = perf_counter() - begun_s
        finally:
            # How long slices were says something of the machine and nothing of the simulation.
            world["slice_events"] = FIRST_SLICE

    def _give_faults(self) -> bool:
        """Give the state further faults if it has come to the last that it knows; whether it had."""
        world = self.state.world[0]
        known_s = float(world["faults_until_s"])
        if self.faults is None or self.state.event["time_s"][0] < known_s:
            return False
        faults = self.faults.part(int(world["faults"]), FAULTS_AT_ONCE)
        until_s = faults["time_s"][-1] if len(faults) == FAULTS_AT_ONCE else np.inf
        if COMPILED:
            _add_faults(self.handle, faults, until_s)
        else:
            loop.add_faults(self.state, faults.view(np.recarray), until_s)
        return True

    def synchronise(self) -> None:
        """Bring every instance up to now, for somebody who looks at blocks and token counts in the middle of a run."""
        if COMPILED:
            _synchronise_all(self.handle)
            return
        for i in range(len(self.state.instance)):
            synchronise(self.state, i)

    def block_seconds(self) -> np.ndarray:
        """KV block-seconds of each instance until now, `f8 [N, 7]`; see `engine/residency/kv_time.py`."""
        self.synchronise()
        return block_seconds(self.state)

    def default(self) -> int:
        """What the scenario's rule answers to the pending decision; asking changes nothing."""
        if COMPILED:
            return _default(self.handle)
        return asked_rule(self.state)

    def snapshot(self) -> State:
        """A copy of everything that changes."""
        copies = {name: getattr(self.state, name).copy() for name, layout in LAYOUT.items() if not layout.fixed}
        if self.state.seen is self.state.instance:
            copies |= {seen: copies[name] for seen, name in SEEN.items()}
        return self.state._replace(**copies)
