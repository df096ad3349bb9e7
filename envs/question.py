"""What an agent is shown of a kind of decision."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from agentsim_env.engine.core.decisions import DECISIONS, KINDS, PAUSED
from agentsim_env.engine.core.jit import COMPILED, compiled, entry, written_out
from agentsim_env.engine.core.pointer import bind
from agentsim_env.engine.core.state import State
from agentsim_env.engine.entry import Core
from agentsim_env.envs.advice_feature import ADVICE, advise
from agentsim_env.envs.feature import FeatureTable
from agentsim_env.envs.step import as_table, is_shown, step_and_mask
from agentsim_env.scenario import Scenario
from agentsim_env.simulator import Simulator


class Question(NamedTuple):
    """A kind of decision as a table: a row for each answer, legal or not, and a column for each feature.

    Attributes:
        kind: Kind of decision.
        features: The columns.
        hints: Further columns behind these in scenarios whose programs say when they call next.
        observe: Compiled function `(state, table)`: fills the table `float32 [answers, columns]` for the decision that
            is pending. At the time limit none is: what is about its turn, its program or a candidate is 0 then.
        observe_at: The same for a call from Python, `(handle of the state, table)`.
        step_at: The next step for a call from Python, `(handle of the state, books, action, seen, legal)`; see `step`.
    """

    kind: str
    features: FeatureTable
    hints: FeatureTable
    observe: Callable[..., None]
    observe_at: Callable[[np.ndarray, np.ndarray], None]
    step_at: Callable[..., tuple[int, float, float]]

    @property
    def number(self) -> int:
        """Number of the kind."""
        return KINDS.index(self.kind)

    def columns(self, scenario: Scenario) -> FeatureTable:
        """The columns in a scenario."""
        columns = FeatureTable()
        columns.extend(self.features)
        if scenario.workload.reports:
            columns.extend(self.hints)
        if scenario.decisions.advice:
            columns.extend(ADVICE)
        return columns

    def count_answers(self, simulator: Simulator) -> int:
        """How many answers such a decision has at most on a simulator's cluster, legal ones and others."""
        return DECISIONS[self.kind].answers(simulator.widest)

    def mask(self, state: State, n: int) -> np.ndarray:
        """Which of the `n` answers are legal, `bool [n]`; those of instances that are not there are not."""
        mask, there = np.zeros(n, bool), self.count_there(state, n)
        mask[:there] = getattr(state, DECISIONS[self.kind].mask)[:there]
        return mask

    def count_there(self, state: State, n: int) -> int:
        """How many of the `n` answers this cluster has."""
        return min(n, len(getattr(state, DECISIONS[self.kind].mask)))

    def fill(self, core: Core, table: np.ndarray) -> None:
        """Fill the table for the decision that is pending."""
        if COMPILED:
            self.observe_at(core.handle, table)
        else:
            self.observe(core.state, table)

    def step(
        self, core: Core, books: np.ndarray, action: int, seen: np.ndarray, legal: np.ndarray
    ) -> tuple[int, float, float]:
        """Answer the pending decision, run to the next, and show it, where all are of this kind.

        Args:
            core: The simulation.
            books: For the reward.
            action: The answer.
            seen: Where the table of the next decision, or that of the time limit, goes row after row; once all
                programs have ended it stays as it is.
            legal: Where its mask goes, `int8 [answers]`; all ones if there is no decision.

        Returns:
            What `advance` returns, the reward, and the simulated time.
        """
        once: Callable[..., tuple[int, float, float]] = self.step_at if COMPILED else self._step_uncompiled
        where = core.handle if COMPILED else core.state
        result = once(where, books, action, seen, legal)
        if result[0] == PAUSED:
            return core.after_pause(partial(once, where, books, 0, seen, legal))
        return result

    def _step_uncompiled(
        self, state: State, books: np.ndarray, action: int, seen: np.ndarray, legal: np.ndarray
    ) -> tuple[int, float, float]:
        asked, reward, now_s = step_and_mask(state, books.view(np.recarray), action, legal)
        if is_shown(asked):
            self.observe(state, as_table(seen, legal))
        return asked, reward, now_s


_OBSERVE = """
def observe_all(state, out):
    observe(state, out)
    if state.world[0].advises:
        advise(state, {number}, out)
"""

_ENTRIES = """
def observe_at(table, out):
    observe(bind(table), out)

def step_at(table, books, action, seen, legal):
    state = bind(table)
    asked, reward, now_s = step_and_mask(state, books, action, legal)
    if is_shown(asked):
        observe(state, as_table(seen, legal))
    return asked, reward, now_s
"""


def question(
    kind: str,
    features: FeatureTable,
    observe: Callable[..., None],
    file: str,
    hints: FeatureTable | None = None,
) -> Question:
    """A question, with what is compiled around `observe`, which fills all columns but that of the advice.

    Args:
        kind: Kind of decision.
        features: See `Question`.
        observe: As `Question.observe`, without the column of the advice.
        file: Where `observe` stands.
        hints: See `Question`; None: it has none.
    """
    text = _OBSERVE.format(number=KINDS.index(kind))
    observe_all = written_out(text, file, observe=observe, advise=advise)["observe_all"]
    observe_all.__qualname__ = f"observe_{kind}"
    observe_all = compiled(observe_all)
    made = written_out(
        _ENTRIES,
        file,
        observe=observe_all,
        bind=bind,
        step_and_mask=step_and_mask,
        as_table=as_table,
        is_shown=is_shown,
    )
    hints = FeatureTable() if hints is None else hints
    return Question(kind, features, hints, observe_all, entry(made["observe_at"]), entry(made["step_at"]))
