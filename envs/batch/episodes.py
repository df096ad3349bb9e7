"""The episodes of a batch, each an environment of its own that shares all but its episode with the others."""

import copy
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from agentsim_env.engine.core.decisions import PAUSED
from agentsim_env.engine.core.jit import COMPILED
from agentsim_env.engine.entry import Core
from agentsim_env.envs.batch.arena import Arena
from agentsim_env.envs.batch.layout import Layout
from agentsim_env.envs.batch.stepping import Plan, Rows, new_control, new_rows, step_uncompiled, take_part
from agentsim_env.envs.decision_env import DecisionEnv

Begin = Callable[[DecisionEnv, int, int], Any]
"""Begins the episode of an environment, `(environment, its place in the batch, number of the episode there)`."""


def begin_next(env: DecisionEnv, _place: int, _episode: int) -> None:
    """As an environment does that is reset without a seed."""
    env.reset()


class Episodes:
    """Makes episodes that stand at their first decision, with their states where a batch wants them.

    Args:
        envs: The environments that the places take in turn; they are left alone.
        layout: That of its observations.
        begin: Begins those that are not begun by a seed.
    """

    def __init__(self, envs: Sequence[DecisionEnv], layout: Layout, begin: Begin = begin_next) -> None:
        self._envs, self._begin, self._layout = envs, begin, layout
        self._settle = Arena().settle if COMPILED else None
        self._last: dict[int, DecisionEnv] = {}
        self.begun: dict[int, int] = {}

    def first(self, place: int) -> DecisionEnv:
        """An environment for a place, without an episode."""
        env = self._last[place] = copy.copy(self._envs[place % len(self._envs)])
        env._np_random, env._np_random_seed, env._core = None, None, None
        self.begun[place] = 0
        return env

    def begin(self, place: int, seed: int | None, options: Any = None) -> DecisionEnv:
        """The episode that a reset of a place begins."""
        env = self._twin(place)
        env.reset(seed=seed, options=options)
        return self._settled(place, env)

    def next(self, place: int) -> DecisionEnv:
        """The episode that follows the last one that was made for a place."""
        env = self._twin(place)
        self._begin(env, place, self.begun[place])
        return self._settled(place, env)

    def _twin(self, place: int) -> DecisionEnv:
        """The environment of a place, for another episode."""
        env = copy.copy(self._last[place])
        env.simulator = copy.copy(env.simulator)
        env.simulator._settle = self._settle
        env._books = env._books.copy()
        env._answer = Alone(env, self._layout)  # pyright: ignore[reportAttributeAccessIssue]
        return env

    def _settled(self, place: int, env: DecisionEnv) -> DecisionEnv:
        simulator = env.simulator
        # What the state has a copy of need not be kept twice.
        arrays = {name: getattr(simulator.state, name) for name in ("program", "turn", "edge", "segment")}
        simulator.programs = simulator.programs._replace(**arrays)
        self._last[place] = env
        self.begun[place] += 1
        return env


class Alone:
    """Steps of one episode, by what makes those of a batch: nothing else has to be compiled for it."""

    def __init__(self, env: DecisionEnv, layout: Layout) -> None:
        self._env = weakref.proxy(env)  # which has this: neither would go before somebody looks for circles
        tables = np.zeros((1, 4, 0), np.int64)
        sheet = np.zeros((1, layout.largest), np.float32)
        self._plan = Plan(new_control(1), 1, tables, np.zeros((0, 3), np.int64), layout.form, layout.place, sheet)

    def __call__(self, core: Core, action: int) -> tuple[int, float, float]:
        """See `DecisionEnv._answer`."""
        env, length = self._env, self._env._n * len(self._env.feature_names)
        rows = new_rows(1, env._n, length)._replace(books=env._books)
        rows.action[0], rows.time_s[0] = action, env._time_s
        env._seen, env._legal = rows.seen[0], rows.legal[0]
        plan = self._plan._replace(tables=core.handle[None]) if COMPILED else self._plan
        return answer(core, plan, rows)


def answer(core: Core, plan: Plan, rows: Rows) -> tuple[int, float, float]:
    """A step of one episode, over its pauses: what `advance` has returned, the reward, and the time."""

    def once() -> tuple[int, float, float]:
        if COMPILED:
            take_part(0, plan, rows)
        else:
            step_uncompiled(core.state, 0, plan, rows)
        return int(rows.asked[0]), float(rows.reward[0]), float(rows.time_s[0])

    result = once()
    return core.after_pause(once) if result[0] == PAUSED else result
