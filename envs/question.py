"""What an agent is shown of a kind of decision."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from agentsim_env.engine.decisions import KINDS, ROUTE_TURN
from agentsim_env.engine.entry import Core
from agentsim_env.engine.jit import COMPILED
from agentsim_env.engine.state import State
from agentsim_env.simulator import Simulator


class Question(NamedTuple):
    """A kind of decision as a table: a row for each answer, legal or not, and a column for each feature.

    Attributes:
        kind: Kind of decision.
        features: Names of the columns. Features of different kinds that have the same name mean the same.
        count_answers: How many answers such a decision has on a simulator's cluster.
        observe: Compiled function `(state, table)`: fills the table `float32 [answers, features]` for the decision that
            is pending.
        observe_at: The same for a call from Python, `(handle of the state, table)`.
    """

    kind: str
    features: tuple[str, ...]
    count_answers: Callable[[Simulator], int]
    observe: Callable[..., None]
    observe_at: Callable[[np.ndarray, np.ndarray], None]

    @property
    def number(self) -> int:
        """Number of the kind."""
        return KINDS.index(self.kind)

    def mask(self, state: State, n: int) -> np.ndarray:
        """Which of the `n` answers are legal, `uint8 [n]`: a view."""
        return state.allowed if self.kind == KINDS[ROUTE_TURN] else state.option[:n]

    def fill(self, core: Core, table: np.ndarray) -> None:
        """Fill the table for the decision that is pending."""
        if COMPILED:
            self.observe_at(core.handle, table)
        else:
            self.observe(core.state, table)
