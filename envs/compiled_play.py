"""Episodes of a trained policy without Python between decisions: observe, score, answer, run on, in compiled code."""

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from agentsim_env.engine.core.decisions import DECISIONS, KINDS, PAUSED
from agentsim_env.engine.core.jit import COMPILED, compiled, entry, written_out
from agentsim_env.engine.core.pointer import bind
from agentsim_env.engine.core.scorer import Scorer, best_answer, count_weights, workspace
from agentsim_env.engine.loop import advance
from agentsim_env.envs.questions import QUESTIONS
from agentsim_env.simulator import Simulator


class CompiledPlay:
    """Plays episodes by a policy that answers one kind of decision; one object for each thread.

    Args:
        kind: Kind of decision, open to agents in the simulators that are played.
        scorer: The policy.
        shape: Rows and columns of such a decision there, `candidate_shape` of its environment.

    Raises:
        ValueError: The number of weights is another one than that of the columns asks for.
    """

    def __init__(self, kind: str, scorer: Scorer, shape: tuple[int, int]) -> None:
        n_rows, n_features = shape
        expected = count_weights(scorer.form, n_features, scorer.width)
        if scorer.weights.shape != (expected,) or scorer.weights.dtype != np.float32:
            raise ValueError(f"{n_features} features take float32 weights of shape ({expected},)")
        self.kind = kind
        self.scorer = scorer
        self._rows = np.zeros(shape, np.float32)
        self._work = workspace(scorer.form, n_rows, scorer.width)
        self._play, self._play_at = _driver(kind)

    def play(self, simulator: Simulator, weights: np.ndarray | None = None) -> int:
        """Play an episode from where it stands to its end, or to a decision of another kind.

        Args:
            simulator: After `reset`.
            weights: In the place of those of the policy.

        Returns:
            How many decisions were answered.
        """
        core = simulator.core
        where, play = (core.handle, self._play_at) if COMPILED else (core.state, self._play)
        scorer = self.scorer if weights is None else self.scorer._replace(weights=weights)
        once = partial(play, where, *scorer, self._rows, self._work)
        answered = 0

        def go_on() -> tuple[int]:
            nonlocal answered
            asked, more = once()
            answered += more
            return (asked,)

        simulator.asked = PAUSED  # so it stays if something is raised in between
        (asked,) = go_on()
        if asked == PAUSED:
            (asked,) = core.after_pause(go_on)
        simulator.note(asked)
        return answered


_PLAY = """
def play(state, form, width, allowed, weights, rows, work):
    answered = 0
    while True:
        answer = 0
        if state.world[0].asked == {number}:
            there = rows[: min(len(rows), len(state.{mask}))]
            observe(state, there)
            answer = best_answer(there, state.{mask}, form, width, allowed, weights, work)
            answered += 1
        asked = advance(state, answer)
        if asked != {number}:
            return asked, answered
"""

_PLAY_AT = """
def play_at(table, form, width, allowed, weights, rows, work):
    return play(bind(table), form, width, allowed, weights, rows, work)
"""


@cache
def _driver(kind: str) -> tuple[Callable[..., tuple[int, int]], ...]:
    """What plays the decisions of a kind, `(state or its handle, scorer, rows, work) -> (asked, answered)`."""
    row, observe = DECISIONS[kind], QUESTIONS[kind].observe
    text = _PLAY.format(number=KINDS.index(kind), mask=row.mask)
    play = written_out(text, __file__, observe=observe, best_answer=best_answer, advance=advance)["play"]
    play.__qualname__ = f"play_{kind}"
    play = compiled(play)
    play_at = written_out(_PLAY_AT, __file__, bind=bind, play=play)["play_at"]
    play_at.__qualname__ = f"play_{kind}_at"
    return play, entry(play_at)
