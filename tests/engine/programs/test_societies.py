"""Steps with a barrier, by hand: every iteration takes 10 ms, so a turn of n tokens takes n of them.

Of turns that become ready together the first begins at once, and the others with the next iteration.
"""

from typing import Any

import numpy as np
import pytest

from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.decisions import ADMIT, ADMIT_PROGRAM, ENDED, REJECT, STUCK
from agentsim_env.engine.core.state import DONE, FAILED, REJECTED, State
from agentsim_env.engine.entry import Core
from tests.engine.hand_made import engine
from tests.reference.building import WorkloadBuilder


def world(step_s: float = 0.0) -> WorkloadBuilder:
    work = WorkloadBuilder()
    work.society(step_s)
    work.segment(8)
    return work


def agent(work: WorkloadBuilder, *calls: tuple[int, int], arrival_s: float = 0.0, society: int = 0) -> list[int]:
    """A program that generates so many tokens in each of some steps: (step, tokens)."""
    work.program(arrival_s, society=society)
    return [work.turn(0, 16, tokens, step=step) for step, tokens in calls]


def core_of(work: WorkloadBuilder, **cluster: Any) -> Core:
    return Core(new_state(Blueprint([engine()], **cluster), work.build()))


def run(work: WorkloadBuilder, **cluster: Any) -> State:
    core = core_of(work, **cluster)
    assert core.advance() == ENDED
    return core.state


def ready_s(state: State) -> list[float]:
    return np.round(state.turn_run["ready_s"], 9).tolist()


def steps(state: State) -> list[tuple[float, float]]:
    return [(round(float(row["begun_s"]), 9), round(float(row["ended_s"]), 9)) for row in state.step_run]


def test_a_step_begins_when_all_turns_of_the_one_before_have_ended() -> None:
    work = world()
    agent(work, (0, 1), (1, 1))
    agent(work, (0, 5), (1, 2))
    state = run(work)
    assert ready_s(state) == [0.0, 0.06, 0.0, 0.06]
    assert steps(state) == [(0.0, 0.06), (0.06, 0.09)]


def test_a_step_lasts_as_long_as_the_simulation_beside_it() -> None:
    work = world(step_s=0.2)
    agent(work, (0, 1), (1, 30), (2, 1))
    state = run(work)
    assert ready_s(state) == [0.0, 0.2, 0.5]
    assert steps(state) == [(0.0, 0.01), (0.2, 0.5), (0.5, 0.51)]


def test_a_step_in_which_nobody_acts_passes() -> None:
    work = world(step_s=0.1)
    agent(work, (3, 1))
    assert ready_s(run(work)) == [pytest.approx(0.3)]
    work = world()
    agent(work, (3, 1), (7, 1))
    state = run(work)
    assert ready_s(state) == [0.0, 0.01]
    assert len(state.step_run) == 8


def test_programs_that_arrive_together_begin_together() -> None:
    """Not even a world whose first steps are empty goes on before all have come that come at the same time."""
    work = world()
    agent(work, (3, 1))
    agent(work, (1, 2))
    assert ready_s(run(work)) == [0.02, 0.0]


def test_who_comes_late_acts_at_once_and_is_waited_for_from_then_on() -> None:
    work = world(step_s=0.1)
    agent(work, (0, 1), (1, 1), (2, 1))
    agent(work, (0, 20), arrival_s=0.15)
    state = run(work)
    # It acts from 0.15 to 0.35 s; step 2, which was due at 0.2 s, waits for it.
    assert ready_s(state) == [0.0, 0.1, 0.35, 0.15]


def test_a_turn_waits_for_its_parents_as_well() -> None:
    work = world()
    first, second = agent(work, (0, 1), (1, 1))
    work.edge(first, second, gap_s=0.3)
    agent(work, (0, 1), (1, 1), (2, 1))
    state = run(work)
    assert ready_s(state) == [0.0, 0.31, 0.0, 0.02, 0.32]


def test_a_turn_without_a_step_holds_nobody_up() -> None:
    work = world()
    work.program(0.0, society=0)
    work.turn(0, 16, 50)
    work.turn(0, 16, 1, step=0)
    work.turn(0, 16, 1, step=1)
    assert ready_s(run(work)) == [0.0, 0.0, 0.02]


def test_a_program_that_fails_does_not_hold_the_world_up() -> None:
    work = world()
    work.segment(1000)
    agent(work, (0, 2), (1, 1))
    work.program(0.0, society=0)
    work.turn(1, 10_001, 1, step=0)
    work.turn(0, 16, 1, step=1)
    state = run(work)
    assert state.program_run["state"].tolist() == [DONE, FAILED]
    assert ready_s(state)[:2] == [0.0, 0.02]


def test_the_last_that_is_waited_for_may_be_one_that_fails() -> None:
    work = world(step_s=0.25)
    work.segment(1000)
    work.program(0.0, society=0)
    work.turn(1, 10_001, 1, step=0)
    agent(work, (1, 1))
    state = run(work)
    assert ready_s(state)[1:] == [0.25]
    assert steps(state)[0] == (0.0, 0.0)


def test_a_program_that_is_turned_away_does_not_hold_the_world_up() -> None:
    work = world()
    agent(work, (0, 2), (1, 1))
    agent(work, (0, 1), (1, 1))
    core = core_of(work, agent_kinds=("admit_program",))
    assert core.advance() == ADMIT_PROGRAM
    assert core.advance(ADMIT) == ADMIT_PROGRAM
    assert core.advance(REJECT) == ENDED
    assert core.state.program_run["state"].tolist() == [DONE, REJECTED]
    assert ready_s(core.state)[:2] == [0.0, 0.02]


def test_programs_that_are_held_do_not_hold_the_world_up() -> None:
    """One at a time: the second begins when the first has ended, and all steps have begun by then."""
    work = world()
    agent(work, (0, 1), (1, 1))
    agent(work, (0, 1), (1, 1))
    state = run(work, rules={"admit_program": "max_programs"}, rule_params={"admit_program": {"per_instance": 1.0}})
    assert ready_s(state) == [0.0, 0.01, 0.02, 0.02]


def test_societies_do_not_wait_for_one_another() -> None:
    work = world()
    other = work.society(0.0)
    agent(work, (0, 9), (1, 1))
    agent(work, (0, 1), (1, 1), society=other)
    assert ready_s(run(work)) == [0.0, 0.09, 0.0, 0.02]


def test_programs_outside_go_their_own_way() -> None:
    work = world()
    agent(work, (0, 9), (1, 1))
    work.program(0.03)
    work.turn(0, 16, 1)
    assert ready_s(run(work)) == [0.0, pytest.approx(0.09), 0.03]


@pytest.mark.parametrize(("society", "expected"), [(0, ENDED), (-1, STUCK)])
def test_who_is_paused_is_not_held_where_a_step_would_wait_for_it(society: int, expected: int) -> None:
    """Nobody resumes the first program, which is paused before its turn has passed the gateway."""
    work = world()
    work.program(0.0, society=society)
    work.turn(0, 16, 1)
    agent(work, (0, 1))
    core = core_of(work, agent_kinds=("admit_program",), frontend_s=0.01)
    assert core.advance() == ADMIT_PROGRAM
    assert core.advance(ADMIT) == ADMIT_PROGRAM
    core.state.program_run["paused"][0] = 1
    assert core.advance(ADMIT) == expected
