"""N episodes of an environment, a step of all of them at a time."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from agentsim_env.actions import ActionError
from agentsim_env.assembly import SimulationError
from agentsim_env.engine.core.decisions import ENDED, KINDS, PAUSED, TRUNCATED
from agentsim_env.engine.core.jit import COMPILED
from agentsim_env.envs.batch.ahead import hot_lines
from agentsim_env.envs.batch.episodes import Begin, Episodes, answer, begin_next
from agentsim_env.envs.batch.layout import layout_of
from agentsim_env.envs.batch.stepping import Plan, Rows, new_control, new_rows, step_uncompiled, take_part
from agentsim_env.envs.batch.upcoming import Upcoming
from agentsim_env.envs.batch.workers import Workers
from agentsim_env.envs.decision_env import DecisionEnv
from agentsim_env.envs.errors import EnvError

_LEAST_SHARE = 16
"""Episodes of a thread: with fewer it is no faster than without it."""

_MOST_AHEAD = 64
"""Episodes that are made ahead."""


_MOVES = ("reset", "step", "restore")
_KINDS = np.array(KINDS, object)


class Ended(NamedTuple):
    """What is left of an episode that a step has ended.

    Attributes:
        place: Which it is.
        observation: The last one.
        info: The last one, with the figures of the episode.
    """

    place: int
    observation: np.ndarray
    info: dict[str, Any]


class Batch:
    """N episodes of an environment; one that ends is followed by the next within the same step.

    Episode i has the same bits as those of the single environment with its seed and its actions, whatever N is and
    however many threads there are.

    Args:
        env: The environment that they are of, or several alike that the places take in turn; they are left alone.
        n: How many.
        threads: Threads that make a step; None: one for each core, if there are episodes enough.
        begin: Begins the episodes that follow others.
        most_steps: Steps after which an episode is truncated; None for no such limit.
        rows: Where observations and all else are written; None: in arrays of its own.

    Attributes:
        rows: What the last step has written; where an episode has ended, what the first decision of the next one is,
            but for `reward`.
        terminated: Episodes that the last step has ended, `bool [N]`.
        truncated: Episodes that a limit has ended with the last step, likewise.
        lasted_s: Simulated time of the last step, also where it ended an episode, `float64 [N]`.
    """

    def __init__(
        self,
        env: DecisionEnv | Sequence[DecisionEnv],
        n: int,
        *,
        threads: int | None = None,
        begin: Begin = begin_next,
        most_steps: int | None = None,
        rows: Rows | None = None,
    ) -> None:
        if n < 1:
            raise EnvError(f"num_envs = {n}: must be at least 1")
        envs = [env] if isinstance(env, DecisionEnv) else list(env)
        self.env, self.n = (env := envs[0]), n
        answers, features = env.candidate_shape
        layout = layout_of(env)
        self.rows = new_rows(n, answers, answers * features) if rows is None else rows
        self.terminated, self.truncated = np.zeros(n, bool), np.zeros(n, bool)
        self.lasted_s = np.zeros(n)
        self._threads = _threads(n, threads)
        self._layout, self._is_limited = layout, most_steps is not None
        self._most_steps = np.iinfo(np.int64).max if most_steps is None else most_steps
        self._steps, self._before_s = np.zeros(n, np.int64), np.zeros(n)
        self._episodes = Episodes(envs, layout, begin)
        self._upcoming: Upcoming[DecisionEnv] = Upcoming(self._episodes.next, min(n, _MOST_AHEAD))
        self.envs = [self._episodes.first(place) for place in range(n)]
        self._plan: Plan | None = None
        self._workers: Workers | None = None
        self._goes_on = self._any_ended = False

    def reset(self, seeds: Sequence[int | None] | None = None, options: Sequence[Any] | None = None) -> None:
        """Begin all episodes anew, with seeds and options as the `reset` of each environment takes them."""
        self._goes_on = False
        if seeds is None and options is None:
            self.put([self._upcoming.take(place) for place in range(self.n)])
            return
        self._upcoming.forget()
        none = [None] * self.n
        self.put(
            [self._episodes.begin(*each) for each in zip(range(self.n), seeds or none, options or none, strict=True)]
        )

    def put(self, envs: Sequence[DecisionEnv]) -> None:
        """Put an episode that stands at a decision in each place."""
        for place, env in enumerate(envs):
            self._take(place, env)
        self.terminated[:] = self.truncated[:] = self._any_ended = False
        self.lasted_s[:] = self.rows.elapsed_s
        self._goes_on = True

    def again(self, place: int, episode: int) -> DecisionEnv:
        """The episode of a number that a place has had or will have, at its first decision; `put` puts it there.

        Only where how an episode begins depends on its number alone. The environment can be stepped before.
        """
        self._upcoming.forget()
        self._episodes.begun[place] = episode
        return self._episodes.next(place)

    def step(self, actions: Any) -> list[Ended]:
        """Answer the decision of each episode and run to its next one.

        Args:
            actions: Whole numbers within the space, `[N]`.

        Returns:
            The episodes that have ended with it, by their places.

        Raises:
            ActionError: An action is none, or there is not one for each.
            SimulationError: No episodes have begun, or one of them cannot go on.
        """
        if not self._goes_on:
            raise SimulationError("no episodes have begun, or the last step was interrupted: call reset()")
        rows = self.rows
        rows.action[:] = self._checked(actions)
        self._goes_on = False  # so it stays if the step is interrupted
        self._before_s[:] = rows.time_s
        self._run()
        self.lasted_s[:] = rows.elapsed_s
        if self._any_ended:
            self.terminated[:] = self.truncated[:] = self._any_ended = False
        self._steps += 1
        ended = self._end() if rows.asked.min() < 0 or self._is_limited else []
        self._goes_on = True
        return ended

    def at(self, place: int) -> DecisionEnv:
        """The environment of an episode, as it is now: to look at, not to step."""
        env, rows = self.envs[place], self.rows
        env.simulator.asked = int(rows.asked[place])
        env._time_s = float(rows.time_s[place])
        env._last_s = float(self._before_s[place])
        env._seen, env._legal = rows.seen[place].copy(), rows.legal[place].copy()
        return env

    def kinds(self) -> np.ndarray | None:
        """Kind of the pending decision of each episode, where there are several; else None."""
        if self._layout.of_kind:
            return None
        return _KINDS[self.rows.books["kind"]]

    def ask(self, place: int, name: str, *arguments: Any, **named: Any) -> Any:
        """What the environment of an episode has or returns by a name.

        Raises:
            EnvError: It is a method that would move the episode.
        """
        if name in _MOVES:
            raise EnvError(f"{name}: the episodes of a batch are moved together, by the batch")
        found = getattr(self.at(place), name)
        return found(*arguments, **named) if callable(found) else found

    def close(self) -> None:
        """End the threads."""
        self._upcoming.close()
        if self._workers is not None:
            self._workers.close()

    def _run(self) -> None:
        plan = self._plan
        assert plan is not None
        if not COMPILED:
            for place, env in enumerate(self.envs):
                step_uncompiled(env.simulator.state, place, plan, self.rows)
            return
        if self._workers is not None:
            self._workers.wake()
        take_part(0, plan, self.rows)

    def _take(self, place: int, env: DecisionEnv) -> None:
        """Put an episode that stands at its first decision in a place."""
        rows = self.rows
        if self._plan is None:
            self._begin_with(env)
        assert self._plan is not None
        if COMPILED:
            self._plan.tables[place] = env.simulator.core.handle
        rows.books[place] = env._books[0]
        env._books = rows.books[place : place + 1]
        rows.seen[place], rows.legal[place] = env._seen, env._legal
        rows.asked[place] = env.simulator.asked
        rows.time_s[place], rows.elapsed_s[place] = env._time_s, env._time_s - env._last_s
        self._steps[place], self._before_s[place] = 0, env._last_s
        self.envs[place] = env
        self._upcoming.want(place)

    def _begin_with(self, env: DecisionEnv) -> None:
        """What depends on the states, of which this is the first."""
        core, layout = env.simulator.core, self._layout
        tables = np.zeros((self.n, *core.handle.shape), np.int64)
        sheet = np.zeros((self._threads, layout.largest), np.float32)
        hot = hot_lines(core.state)
        self._plan = Plan(new_control(self._threads), self._threads, tables, hot, layout.form, layout.place, sheet)
        if self._threads > 1:
            self._workers = Workers(self._plan, self.rows)

    def _end(self) -> list[Ended]:
        """Take the episodes that this step has ended to their end, and begin the next ones there."""
        rows, ended = self.rows, []
        at_limit = self._steps >= self._most_steps
        for place in np.flatnonzero((rows.asked < 0) | at_limit).tolist():
            if rows.asked[place] == PAUSED:
                self._go_on(place)
            asked = int(rows.asked[place])
            if asked >= 0 and not at_limit[place]:
                continue
            self.terminated[place] = asked == ENDED
            self.truncated[place] = asked == TRUNCATED or (at_limit[place] and asked != ENDED)
            env = self.at(place)
            env.simulator.note(asked)
            ended.append(Ended(place, env._seen, env._info() | env.figures()))
        for end in ended:
            self._take(end.place, self._upcoming.take(end.place))
        self._any_ended = bool(ended)
        return ended

    def _go_on(self, place: int) -> None:
        """Go on with an episode that has paused in the middle of its step."""
        assert self._plan is not None
        one = slice(place, place + 1)
        plan = self._plan._replace(control=new_control(1), threads=1, tables=self._plan.tables[one])
        answer(self.envs[place].simulator.core, plan, Rows(*(row[one] for row in self.rows)))
        self.lasted_s[place] = self.rows.elapsed_s[place]

    def _checked(self, actions: Any) -> np.ndarray:
        given = np.asarray(actions)
        if given.shape != (self.n,) or given.dtype.kind not in "iu":
            raise ActionError(f"actions of shape {given.shape} and type {given.dtype}: must be {self.n} whole numbers")
        n = self.rows.legal.shape[1]
        if given.astype(np.uint64).max() >= n:  # the largest of all are those below 0
            wrong = int(np.flatnonzero((given < 0) | (given >= n))[0])
            raise ActionError(f"actions[{wrong}] = {given[wrong]}: must be from 0 to {n - 1}")
        return given


def _threads(n: int, wanted: int | None) -> int:
    if wanted is not None and wanted < 1:
        raise EnvError(f"threads = {wanted}: must be at least 1, or None")
    if not COMPILED:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(n, wanted if wanted is not None else min(cores, max(1, n // _LEAST_SHARE)))
