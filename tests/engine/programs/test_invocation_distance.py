"""What programs say of their next calls, by hand, at each question where to send a turn."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.decisions import ENDED
from agentsim_env.engine.core.state import DONE, NONE, State
from agentsim_env.engine.entry import Core
from agentsim_env.engine.programs import invocation_distance, memory_owners, reports
from agentsim_env.engine.programs.invocation_distance import NEVER, UNKNOWN
from agentsim_env.workload.programs import Programs
from tests.engine.hand_made import bound, engine
from tests.engine.random_scenarios.knobs import knobs_of
from tests.engine.random_scenarios.scenario import build
from tests.reference.building import WorkloadBuilder

distance = bound(invocation_distance.distance)
is_active = bound(invocation_distance.is_active)
segment_distance = bound(invocation_distance.segment_distance)
adapter_distance = bound(invocation_distance.adapter_distance)
reused_segment = bound(invocation_distance.reused_segment)
first_announced = bound(reports.first_announced)
next_announced = bound(reports.next_announced)


def with_owners(programs: Programs, core: Core) -> State:
    """The state of a core, with the owners of segments and adapters."""
    first, owner = memory_owners.segment_owners(programs)
    adapter_first, adapter_owner = memory_owners.adapter_owners(programs)
    return core.state._replace(owner_first=first, owner=owner, adapter_first=adapter_first, adapter_owner=adapter_owner)


def questions(programs: Programs, frontend_s: float = 0.0) -> Iterator[State]:
    """The state at each question where a turn is to go, all of which are answered with instance 0, and at the end."""
    blueprint = Blueprint([engine(), engine()], agent_kinds=("route_turn",), frontend_s=frontend_s)
    core = Core(new_state(blueprint, programs))
    asked = core.advance()
    while asked != ENDED:
        yield with_owners(programs, core)
        asked = core.advance(0)
    yield with_owners(programs, core)


def distances(state: State) -> list[float]:
    return [distance(state, p) for p in range(len(state.program))]


def test_distances_fall_step_by_step_and_end_with_the_call() -> None:
    work = WorkloadBuilder()
    work.society()
    work.segment(8)
    work.program(society=0)
    work.turn(0, 16, 1, step=0)
    work.turn(0, 16, 1, step=1)
    work.turn(0, 16, 1, step=3)
    work.program(society=0)
    work.report(3.0, step=0)
    work.turn(0, 16, 1, step=2)
    work.turn(0, 16, 1, step=4)
    seen = [distances(state) for state in questions(work.build())]
    # In step 0 the first one acts and the second has said 3; in step 2 that one acts, as an emergency; what it has said
    # is over then, and it says nothing else; at the end both have ended.
    assert seen == [[0.0, 3.0], [0.0, 2.0], [UNKNOWN, 0.0], [0.0, UNKNOWN], [NEVER, 0.0], [NEVER, NEVER]]


def test_who_is_late_is_near_and_not_active() -> None:
    work = WorkloadBuilder()
    work.society()
    work.segment(8)
    work.program(society=0)
    work.report(1.0, step=0)
    work.turn(0, 16, 1, step=3)
    work.program(society=0)
    for step in range(3):
        work.turn(0, 16, 1, step=step)
    seen = [(distance(state, 0), is_active(state, 0)) for state in questions(work.build())]
    assert seen[:4] == [(1.0, False), (0.0, False), (0.0, False), (0.0, True)]


def test_a_turn_at_the_gateway_is_near_and_not_active_yet() -> None:
    """Its call was announced for now, and passes the gateway while another one is routed."""
    work = WorkloadBuilder()
    work.society()
    work.segment(8)
    work.program(society=0)
    work.report(1.0, step=0)
    work.turn(0, 16, 1, step=1)
    work.program(society=0)
    work.turn(0, 16, 1, step=0)
    work.program(0.02)
    work.turn(0, 16, 1)
    seen = [(distance(state, 0), is_active(state, 0)) for state in questions(work.build(), frontend_s=0.005)]
    # Routed: at 0.005 s the second program, at 0.015 + 0.005 the first.
    assert seen[0] == (1.0, False)
    assert seen[1] == (0.0, True)


def test_programs_without_a_society_count_seconds_from_the_report() -> None:
    work = WorkloadBuilder()
    work.segment(8)
    work.program(0.0)
    first = work.turn(0, 16, 1)
    second = work.turn(0, 16, 1)
    work.edge(first, second, gap_s=0.5)
    work.report(0.3, turn=first)
    for arrival_s in (0.11, 0.41):
        work.program(arrival_s)
        work.turn(0, 16, 1)
    seen = [distance(state, 0) for state in questions(work.build())]
    # The first turn ends at 0.01 s; what was said is over at 0.31 s, and the call comes at 0.51 s.
    assert seen == [0.0, pytest.approx(0.2), 0.0, 0.0, NEVER]


def test_an_object_is_as_near_as_the_nearest_of_its_owners() -> None:
    work = WorkloadBuilder()
    work.society(1.0)
    system = work.segment(2)
    persona = [work.segment(2, system), work.segment(2, system)]
    leaves = []
    for number, announced in enumerate((5.0, 2.0)):
        work.program(society=0, adapter=number // 2)
        work.report(announced, step=0)
        for step in (3, 6):
            leaves.append(work.segment(2, persona[number]))
            work.turn(leaves[-1], 80, 1, step=step)
    work.program()
    work.turn(work.segment(8), 16, 1)
    programs = work.build()
    state = next(questions(programs))
    assert distances(state) == [5.0, 2.0, 0.0]
    assert [segment_distance(state, segment) for segment in (system, *persona)] == [2.0, 5.0, 2.0]
    assert [segment_distance(state, leaf) for leaf in leaves] == [NEVER] * 4
    assert adapter_distance(state, 0) == 2.0
    assert [reused_segment(state, t) for t in range(5)] == [persona[0], persona[0], persona[1], persona[1], NONE]


def test_the_last_report_stands_and_a_second_turn_hides_none() -> None:
    work = WorkloadBuilder()
    work.society()
    work.segment(8)
    work.program(society=0)
    work.report(9.0, step=0)
    work.report(4.0, step=1)
    work.turn(0, 16, 1, step=6)
    work.program(society=0)
    for step in range(4):
        work.turn(0, 16, 1, step=step)
    assert [distance(state, 0) for state in questions(work.build())][:4] == [9.0, 3.0, 2.0, 1.0]


def listed(state: State, q: int) -> dict[int, list[int]]:
    """Programs in the list of each step of a society from the present one on."""
    now = int(state.society["step"][q])
    lists = {}
    for step in range(max(now, 0), int(state.society["n_steps"][q])):
        lists[step], p = [], first_announced(state, q, step)
        while p != NONE:
            lists[step].append(int(p))
            p = next_announced(state, p)
    return lists


@pytest.mark.parametrize("seed", [s for s in range(60) if knobs_of(s).societies])
def test_the_list_of_a_step_has_those_who_have_announced_it_or_are_late(seed: int) -> None:
    programs = build(knobs_of(seed)).programs
    for state in questions(programs):
        for q in range(len(programs.step_s)):
            now, n_steps = int(state.society["step"][q]), int(state.society["n_steps"][q])
            expected: dict[int, set[int]] = {step: set() for step in range(max(now, 0), n_steps)}
            for p in np.flatnonzero(programs.program["society"] == q):
                said = float(state.announced[p])
                if math.isfinite(said) and state.program_run["state"][p] < DONE and int(said) < n_steps:
                    expected[max(int(said), now, 0)].add(int(p))
            lists = listed(state, q)
            assert {step: set(found) for step, found in lists.items()} == expected
            assert all(len(set(found)) == len(found) for found in lists.values())
