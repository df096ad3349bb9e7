"""The compiled part of a step that all environments share: answer, run on, collect the reward."""

import numpy as np

from agentsim_env.engine.decisions import ROUTE_TURN
from agentsim_env.engine.entry import Core
from agentsim_env.engine.jit import COMPILED, compiled, entry
from agentsim_env.engine.loop import advance
from agentsim_env.engine.pointer import bind
from agentsim_env.engine.router import asked_rule
from agentsim_env.engine.state import NONE
from envs import rewards

FORBIDDEN = -1
"""An action that stands for no answer to the pending decision."""


def play(core: Core, books: np.ndarray, action: int) -> tuple[int, float]:
    """Answer the pending decision, run to the next, and collect the reward.

    Returns:
        What `advance` returns, and the reward.
    """
    if COMPILED:
        return _play_compiled(core.handle, books, action)
    return _play(core.state, books.view(np.recarray), action)


@compiled
def _is_legal(state, action):
    if action == FORBIDDEN:
        return False
    if state.world[0].asked == ROUTE_TURN:
        return state.allowed[action] != 0
    return state.option[action] != 0


@compiled
def _play(state, books, action):
    """A forbidden action is answered by the scenario's rule, and counted."""
    if state.world[0].asked != NONE and not _is_legal(state, action):
        books[0].refused += 1
        action = asked_rule(state)
    asked = advance(state, action)
    return asked, rewards.collect(state, books)


@entry
def _play_compiled(table, books, action):
    return _play(bind(table), books, action)
