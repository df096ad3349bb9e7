"""The compiled part of a step that all environments share: answer, run on, collect the reward, look."""

from collections.abc import Callable
from functools import partial

import numpy as np

from agentsim_env.engine.decisions import PAUSED, ROUTE_TURN
from agentsim_env.engine.entry import Core
from agentsim_env.engine.jit import COMPILED, compiled, entry
from agentsim_env.engine.loop import advance
from agentsim_env.engine.pointer import bind
from agentsim_env.engine.router import asked_rule
from agentsim_env.engine.state import NONE, State
from envs import rewards

FORBIDDEN = -1
"""An action that stands for no answer to the pending decision."""


def play(core: Core, books: np.ndarray, action: int) -> tuple[int, float]:
    """Answer the pending decision, run to the next, and collect the reward.

    Returns:
        What `advance` returns, and the reward.
    """
    once: Callable[..., tuple[int, float]] = _play_compiled if COMPILED else _play_uncompiled
    where = core.handle if COMPILED else core.state
    asked, reward = once(where, books, action)
    if asked == PAUSED:
        return core.after_pause(partial(once, where, books, 0))
    return asked, reward


def _play_uncompiled(state: State, books: np.ndarray, action: int) -> tuple[int, float]:
    return _play(state, books.view(np.recarray), action)


@compiled
def _is_legal(state, action):
    if action == FORBIDDEN:
        return False
    if state.world[0].asked == ROUTE_TURN:
        return state.allowed[action] != 0
    return state.option[action] != 0


@compiled
def _play(state, books, action):
    """A forbidden action is answered by the scenario's rule, and counted; a pause is paid for when it is over."""
    if state.world[0].asked != NONE and not _is_legal(state, action):
        books[0].refused += 1
        action = asked_rule(state)
    asked = advance(state, action)
    if asked == PAUSED:
        return asked, 0.0
    return asked, rewards.collect(state, books)


@compiled
def play_on(state, books, action, legal):
    """The same in compiled code; the mask of the decision that is asked, if one is, goes to `legal`."""
    asked, reward = _play(state, books, action)
    if asked >= 0:
        legal[:] = state.allowed if asked == ROUTE_TURN else state.option[: len(legal)]
    return asked, reward


@compiled
def as_table(seen, legal):
    """An observation as the table of a decision with so many answers."""
    return seen.reshape((len(legal), len(seen) // len(legal)))


@entry
def _play_compiled(table, books, action):
    return _play(bind(table), books, action)
