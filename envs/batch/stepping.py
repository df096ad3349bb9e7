"""The step of one episode of a batch, and of all of them by several threads: compiled, for every kind of decision."""

from typing import NamedTuple

import numpy as np
from numba import types

from agentsim_env.engine.core.component import NOTHING, table
from agentsim_env.engine.core.decisions import KINDS, PAUSED, ROUTE_TURN
from agentsim_env.engine.core.jit import compiled, entry
from agentsim_env.engine.core.pointer import bind
from agentsim_env.engine.core.state import LINE_BYTES, NONE, State
from agentsim_env.envs.batch.ahead import touch_hot, touch_next
from agentsim_env.envs.batch.machine import fetch_add, let_others, load, sleep_us, store
from agentsim_env.envs.questions import QUESTIONS
from agentsim_env.envs.rewards import BOOKS
from agentsim_env.envs.step import FORBIDDEN, count_there, is_allowed, is_shown, step_state

ROWS, COLUMNS, FLAG = range(3)
"""Columns of a form: answers of a kind, features of one, and where a joint observation says that it asks; NONE: it is
of one kind, and an observation is its table."""

WORDS_APART = LINE_BYTES // 8
"""Between words that several threads write: each has a cache line of its own."""

GO, DONE, STOP, FIRST_SHARE = range(0, 4 * WORDS_APART, WORDS_APART)
"""Words of `control`: steps begun, episodes done in this one, whether threads are to end, and the next episode of the
first share, with those of the others behind it."""

AT_A_TIME = 4
"""Episodes that a thread takes of a share: their prefetches reach each other, and little is left to wait for."""

SPINS = 200
"""Times that a thread looks for a new step before it sleeps in between: a tenth of a millisecond."""

NAP_US = 30

MOST_NAPS = 300
"""Naps before it goes back to Python to wait there: some 30 ms."""

_observe = table(NOTHING, types.Array(types.float32, 2, "C"))(
    [getattr(QUESTIONS[kind].observe, "py_func", QUESTIONS[kind].observe) for kind in KINDS]
)
"""Fill the table of the pending decision, by the number of its kind."""


class Rows(NamedTuple):
    """What is read and written of N episodes with A actions and observations of L numbers: a row for each.

    Attributes:
        books: Books of the rewards, `BOOKS [N]`.
        action: Answers to the pending decisions, `int64 [N]`.
        seen: Observations, `float32 [N, L]`; 0 where all programs have ended.
        legal: Which actions are, `int8 [N, A]`; all of them where no decision is pending.
        asked: What `advance` has returned, `int64 [N]`.
        reward: Reward of the step, `float64 [N]`.
        time_s: Simulated time, `float64 [N]`.
        elapsed_s: Simulated time of the step, `float64 [N]`.
    """

    books: np.ndarray
    action: np.ndarray
    seen: np.ndarray
    legal: np.ndarray
    asked: np.ndarray
    reward: np.ndarray
    time_s: np.ndarray
    elapsed_s: np.ndarray


class Plan(NamedTuple):
    """What threads have in common that make the steps of N episodes.

    Attributes:
        control: What they tell each other, `int64 [4 + threads, WORDS_APART]`, flat.
        threads: How many they are.
        tables: Handles of the states, `int64 [N, 4, arrays]`.
        hot: What to bring near before a step: array, first byte, cache lines, `int64 [K, 3]`.
        form: Of each kind, `int64 [kinds, 3]`: see `ROWS`, `COLUMNS` and `FLAG`.
        place: Columns of each kind's features in a joint observation, `int64 [kinds, features]`.
        sheet: Room for a table of one kind, for each thread, `float32 [threads, most]`.
    """

    control: np.ndarray
    threads: int
    tables: np.ndarray
    hot: np.ndarray
    form: np.ndarray
    place: np.ndarray
    sheet: np.ndarray


def new_control(threads: int) -> np.ndarray:
    """Words by which so many threads tell each other how far they are."""
    return np.zeros(FIRST_SHARE + threads * WORDS_APART, np.int64)


def new_rows(n: int, answers: int, length: int) -> Rows:
    """Rows of `n` episodes whose observations have so many numbers."""
    return Rows(
        books=np.zeros(n, BOOKS),
        action=np.zeros(n, np.int64),
        seen=np.zeros((n, length), np.float32),
        legal=np.ones((n, answers), np.int8),
        asked=np.zeros(n, np.int64),
        reward=np.zeros(n),
        time_s=np.zeros(n),
        elapsed_s=np.zeros(n),
    )


@compiled
def step_one(state, i, form, place, sheet, rows):
    """Answer the pending decision of episode `i`, run to its next one, and write its row.

    A pause writes nothing else, and is paid for when it is over.
    """
    book = rows.books[i : i + 1]
    answer = rows.action[i]
    if answer > 0 and answer >= form[book[0].kind, ROWS]:
        answer = FORBIDDEN
    asked, reward, now_s = step_state(state, book, answer)
    rows.asked[i] = asked
    if asked == PAUSED:
        return
    rows.reward[i] = reward
    rows.elapsed_s[i] = now_s - rows.time_s[i]
    rows.time_s[i] = now_s
    kind, seen = book[0].kind, rows.seen[i]
    _write_mask(state, asked, form[kind, ROWS], rows.legal[i])
    if not is_shown(asked) or kind == NONE:
        seen[:] = 0.0
    elif form[kind, FLAG] == NONE:
        _observe(state, kind, seen.reshape((form[kind, ROWS], form[kind, COLUMNS])))
    else:
        joint = seen.reshape((rows.legal.shape[1], len(seen) // rows.legal.shape[1]))
        _observe_joint(state, kind, asked >= 0, form, place, sheet, joint)


@compiled
def _write_mask(state, asked, answers, legal):
    for k in range(len(legal)):
        if asked < 0:
            legal[k] = 1
        elif k >= answers:
            legal[k] = 0
        else:
            legal[k] = is_allowed(state, k) if asked == ROUTE_TURN else state.option[k]


@compiled
def _observe_joint(state, kind, asks, form, place, sheet, seen):
    """The table of a kind, its columns where `place` says, among those of all kinds."""
    n, columns, flag = form[kind, ROWS], form[kind, COLUMNS], form[kind, FLAG]
    own = sheet[: n * columns].reshape((n, columns))
    _observe(state, kind, own)
    seen[:] = 0.0
    for row in range(count_there(state, kind, n)):
        for column in range(columns):
            seen[row, place[kind, column]] = own[row, column]
        seen[row, flag] = asks


@compiled
def _work(control, thread, threads, tables, hot, form, place, sheet, rows):
    """Steps of the own share, and then of those of other threads, until none is left to begin."""
    n = len(tables)
    for turn in range(threads):
        share = (thread + turn) % threads
        end = n * (share + 1) // threads
        while True:
            first = fetch_add(control, FIRST_SHARE + share * WORDS_APART, AT_A_TIME)
            if first >= end:
                break
            last = min(end, first + AT_A_TIME)
            for i in range(first, last):
                if i + 2 < end:
                    touch_hot(tables, i + 2, hot)
                if i + 1 < end:
                    touch_next(bind(tables[i + 1]), tables, i + 1)
                step_one(bind(tables[i]), i, form, place, sheet[thread], rows)
            fetch_add(control, DONE, last - first)


@compiled
def _lead(control, threads, tables, hot, form, place, sheet, rows):
    """One step of all episodes."""
    n = len(tables)
    store(control, DONE, 0)
    for share in range(threads):
        store(control, FIRST_SHARE + share * WORDS_APART, n * share // threads)
    fetch_add(control, GO, 1)
    _work(control, 0, threads, tables, hot, form, place, sheet, rows)
    while load(control, DONE) < n:
        let_others()


@compiled
def _follow(control, thread, threads, tables, hot, form, place, sheet, rows):
    """Take part in step after step, until nothing has begun for a while."""
    seen, waited = load(control, GO), 0
    while load(control, STOP) == 0 and waited < SPINS + MOST_NAPS:
        begun = load(control, GO)
        waited += 1
        if begun != seen:
            seen, waited = begun, 0
            _work(control, thread, threads, tables, hot, form, place, sheet, rows)
        elif waited < SPINS:
            let_others()
        else:
            sleep_us(NAP_US)


@entry
def _take_part(control, thread, threads, tables, hot, form, place, sheet, rows):
    if thread == 0:
        _lead(control, threads, tables, hot, form, place, sheet, rows)
    else:
        _follow(control, thread, threads, tables, hot, form, place, sheet, rows)


def take_part(thread: int, plan: "Plan", rows: Rows) -> None:
    """Make one step of all episodes, as thread 0; as another one take part in steps until none has come for a while."""
    _take_part(plan.control, thread, plan.threads, plan.tables, plan.hot, plan.form, plan.place, plan.sheet, rows)


def step_uncompiled(state: State, i: int, plan: "Plan", rows: Rows) -> None:
    """A step of one episode where nothing is compiled."""
    step_one(state, i, plan.form, plan.place, plan.sheet[0], rows._replace(books=rows.books.view(np.recarray)))
