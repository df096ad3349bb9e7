"""The step that all environments share: answer, run on, collect the reward, look."""

from collections.abc import Callable
from functools import partial

import numpy as np

from agentsim_env.engine.batch.runs import synchronise
from agentsim_env.engine.core.decisions import PAUSED, ROUTE_TURN, TRUNCATED
from agentsim_env.engine.core.jit import COMPILED, compiled, entry
from agentsim_env.engine.core.pointer import bind
from agentsim_env.engine.core.state import FOR_ONE, NONE, State
from agentsim_env.engine.entry import Core
from agentsim_env.engine.loop import advance
from agentsim_env.engine.settle import asked_rule
from agentsim_env.envs import rewards

FORBIDDEN = -1
"""An action that stands for no answer to the pending decision."""


def step_core(core: Core, books: np.ndarray, action: int) -> tuple[int, float, float]:
    """Answer the pending decision, run to the next, and collect the reward; what Python calls.

    Returns:
        What `advance` returns, the reward, and the simulated time.
    """
    once: Callable[..., tuple[int, float, float]] = _step_entry if COMPILED else _step_uncompiled
    where = core.handle if COMPILED else core.state
    result = once(where, books, action)
    if result[0] == PAUSED:
        return core.after_pause(partial(once, where, books, 0))
    return result


@compiled
def step_state(state, books, action):
    """The step itself.

    A forbidden action is answered by the scenario's rule, and counted; a pause is paid for when it is over.
    """
    if state.world[0].asked != NONE and not _is_legal(state, action):
        books[0].refused += 1
        action = asked_rule(state)
    asked = advance(state, action)
    if asked == PAUSED:
        return asked, 0.0, state.world[0].now_s
    reward = rewards.collect(state, books)
    if asked >= 0:
        books[0].kind = asked
    elif asked == TRUNCATED:
        _ask_nothing(state)
    return asked, reward, state.world[0].now_s


@entry
def _step_entry(table, books, action):
    return step_state(bind(table), books, action)


def _step_uncompiled(state: State, books: np.ndarray, action: int) -> tuple[int, float, float]:
    return step_state(state, books.view(np.recarray), action)


@compiled
def _is_legal(state, action):
    if action == FORBIDDEN:
        return False
    if state.world[0].asked == ROUTE_TURN:
        return is_allowed(state, action)
    return state.option[action] != 0


@compiled
def is_allowed(state, i):
    """Whether a turn may be sent to instance `i`, which a smaller cluster than the largest may not have."""
    return i < len(state.allowed) and state.allowed[i] != 0


@compiled
def count_there(state, kind, n):
    """How many of the `n` answers of a kind this cluster has."""
    return min(n, len(state.allowed)) if kind == ROUTE_TURN else n


@compiled
def _ask_nothing(state):
    """Nobody is asked at the time limit: what is shown is about no turn, no program and no candidate.

    The instance that the last decision was about stays, as it is by now.
    """
    world = state.world[0]
    world.asked_slot = world.asked_program = NONE
    world.n_candidates = 0
    state.option[:] = 0
    state.allowed[:] = 0
    world.allowed_for = FOR_ONE
    if world.asked_instance != NONE:
        synchronise(state, world.asked_instance)


@compiled
def step_and_mask(state, books, action, legal):
    """A step; the mask of the decision that is asked then goes to `legal`, all ones if none is."""
    asked, reward, now_s = step_state(state, books, action)
    # One by one: numba compiles half a library of strings for what could be said of arrays of other sizes.
    for k in range(len(legal)):
        if asked >= 0:
            legal[k] = is_allowed(state, k) if asked == ROUTE_TURN else state.option[k]
        else:
            legal[k] = 1
    return asked, reward, now_s


@compiled
def is_shown(asked):
    """Whether there is something to see: a decision, or what the time limit has cut off."""
    return asked >= 0 or asked == TRUNCATED


@compiled
def as_table(seen, legal):
    """An observation as the table of a decision with so many answers."""
    return seen.reshape((len(legal), len(seen) // len(legal)))
