"""What mechanisms ask with."""

import numpy as np

from agentsim_env.engine.core import asking
from agentsim_env.engine.core.state import NONE, State
from tests.engine.hand_made import bound, state

clear, offer, has_room = bound(asking.clear_candidates), bound(asking.offer), bound(asking.has_room)
include, place_of, take_answer = bound(asking.include), bound(asking.place_of), bound(asking.take_answer)


def listed(made: State, *rows: int) -> None:
    """Offers rows until the list is full."""
    clear(made)
    for row in rows:
        if has_room(made):
            offer(made, row)


def candidates(made: State) -> list[int]:
    return made.candidate[: made.world["n_candidates"][0]].tolist()


def test_the_choice_of_the_rule_is_always_among_the_candidates() -> None:
    made = state(cluster={"candidates": 3})
    listed(made, 4, 5, 6, 7)
    include(made, 5)
    assert candidates(made) == [4, 5, 6]
    include(made, 9)
    assert candidates(made) == [4, 5, 9]
    assert [place_of(made, row) for row in (4, 9, 6)] == [0, 2, NONE]


def test_a_rule_that_chooses_none_changes_no_candidate() -> None:
    made = state(cluster={"candidates": 3})
    listed(made, 4, 5)
    include(made, NONE)
    assert candidates(made) == [4, 5]


def test_an_answer_is_taken_once() -> None:
    made = state()
    made.world["answer"] = np.int32(2)
    assert [take_answer(made), take_answer(made)] == [2, NONE]
