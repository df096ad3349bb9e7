"""Each admission rule against cases computed by hand; docs/scheduling.md has the formulas. An iteration takes 10 ms."""

from collections.abc import Mapping

import numpy as np
import pytest

from agentsim_env.engine.build import Blueprint
from agentsim_env.engine.decisions import ADMIT, ADMIT_PROGRAM, ENDED, HOLD, REJECT
from agentsim_env.engine.entry import Core
from agentsim_env.engine.rules.admit import adapt_window
from agentsim_env.engine.state import DONE, REJECTED
from agentsim_env.workload.programs import Programs
from tests.engine.hand_made import bound, engine
from tests.reference.building import WorkloadBuilder

adapt = bound(adapt_window)


def alone(*shapes: tuple[float, int, int], after: Mapping[int, int] | None = None) -> Programs:
    """Programs of one turn, nothing shared, from (arrival, prompt, output); some begin after the end of another."""
    work = WorkloadBuilder()
    for number, (arrival_s, prompt, output) in enumerate(shapes):
        work.program(arrival_s, (after or {}).get(number, -1))
        work.turn(work.segment(-(-(prompt + output) // 16)), prompt, output)
    return work.build()


def start(programs: Programs, rule: str, instances: int = 1, **parameters: float) -> Core:
    blueprint = Blueprint(
        [engine(max_num_batched_tokens=2048)] * instances,
        rules={"admit_program": rule},
        parameters={"admit_program": parameters},
        control_period_s=0.25,
    )
    return Core(blueprint.state(programs))


def run(programs: Programs, rule: str, **parameters: float) -> Core:
    core = start(programs, rule, 1, **parameters)
    assert core.advance() == ENDED
    return core


def times(core: Core, name: str) -> list[float]:
    return [round(float(value), 6) for value in core.state.turn_run[name]]


def test_held_programs_come_in_as_others_end_and_are_busy_until_then() -> None:
    # Ten iterations each: a prefill and nine decodes.
    core = run(alone((0.0, 100, 10), (0.01, 100, 10), (0.02, 100, 10)), "max_programs", per_instance=1)
    assert times(core, "ready_s") == [0.0, 0.1, 0.2]
    assert times(core, "end_s") == [0.1, 0.2, 0.3]
    assert core.state.program_run["gap_s"].tolist() == [0.0, 0.0, 0.0]
    # 0.1 + 0.19 + 0.28 program-seconds
    assert core.state.world["area_busy"][0] == pytest.approx(0.57)
    assert core.state.world["n_holds"][0] == 2


def test_programs_that_find_too_many_held_are_rejected_and_their_followers_start() -> None:
    programs = alone((0.0, 100, 10), (0.01, 100, 10), (0.02, 100, 10), (0.05, 100, 10), after={3: 2})
    core = run(programs, "max_programs", per_instance=1, most_held=1)
    run_ = core.state.program_run
    assert run_["state"].tolist() == [DONE, DONE, REJECTED, REJECTED]
    # The follower arrives 0.05 s after the rejection at 0.02, when the second is still held.
    assert run_["arrived_s"].tolist() == pytest.approx([0.0, 0.01, 0.02, 0.07])
    assert run_["end_s"][2:].tolist() == pytest.approx([0.02, 0.07])
    assert np.isnan(core.state.turn_run["ready_s"][2:]).all()
    assert core.state.world["n_charged"][0] == 2


def test_max_programs_counts_instances_that_are_up() -> None:
    core = start(alone(*[(0.0, 100, 10)] * 5), "max_programs", instances=2, per_instance=2)
    core.state.world["time_limit_s"] = 0.0
    core.advance()
    assert (core.state.world["n_admitted"][0], core.state.world["n_held"][0]) == (4, 1)
    core = start(alone(*[(0.0, 100, 10)] * 5), "max_programs", instances=2, per_instance=2)
    core.state.world["time_limit_s"] = 0.0
    core.state.instance["up"][1] = 0
    core.advance()
    assert (core.state.world["n_admitted"][0], core.state.world["n_held"][0]) == (2, 3)


def test_watermark_asks_again_on_ticks() -> None:
    # The first program's prompt takes 85 of 100 blocks; a program that has ended leaves its blocks idle.
    programs = alone((0.0, 1360, 30), (0.01, 100, 10))
    core = run(programs, "watermark", utilisation_limit=0.8)
    assert times(core, "ready_s") == [0.0, 0.3]  # at its end, before the tick at 0.26 + 0.25
    assert times(run(programs, "watermark", utilisation_limit=0.9), "ready_s") == [0.0, 0.01]
    # Two turns with a gap from 0.3 to 0.9: nothing is in use then, and the tick at 0.51 finds it.
    work = WorkloadBuilder()
    work.program(0.0)
    leaf = work.segment(90)
    work.edge(work.turn(leaf, 1360, 30), work.turn(leaf, 1395, 5), gap_s=0.6)
    work.program(0.01)
    work.turn(work.segment(10), 100, 10)
    core = run(work.build(), "watermark", utilisation_limit=0.8)
    assert times(core, "ready_s") == [0.0, 0.9, 0.51]


def test_who_comes_later_does_not_overtake() -> None:
    # The second is held while the first runs; the third would be let in at 0.4, when nothing is in use.
    work = WorkloadBuilder()
    work.program(0.0)
    leaf = work.segment(90)
    work.edge(work.turn(leaf, 1360, 30), work.turn(leaf, 1395, 5), gap_s=0.6)
    for arrival_s in (0.01, 0.4):
        work.program(arrival_s)
        work.turn(work.segment(10), 100, 10)
    core = run(work.build(), "watermark", utilisation_limit=0.8)
    assert times(core, "ready_s") == [0.0, 0.9, 0.51, 0.51]


def test_gate_holds_only_what_does_not_fit() -> None:
    # 85 blocks in use leave 15, or 240 tokens.
    programs = alone((0.0, 1360, 30), (0.02, 240, 10), (0.03, 256, 10))
    core = run(programs, "gate", utilisation_limit=0.8)
    # By 0.02 the first has its 85 blocks and one for the tokens that it generates.
    assert times(core, "ready_s") == [0.0, 0.3, 0.3]
    programs = alone((0.0, 1360, 30), (0.02, 224, 10), (0.03, 256, 10))
    # The second fills the memory and is preempted as it grows. At the tick of 0.28 the first has 87 blocks.
    assert times(run(programs, "gate", utilisation_limit=0.8), "ready_s") == [0.0, 0.02, 0.3]
    assert times(run(programs, "gate", utilisation_limit=0.9), "ready_s") == [0.0, 0.02, 0.28]


def test_nobody_is_held_where_nobody_is() -> None:
    core = run(alone((0.0, 1599, 1)), "watermark", utilisation_limit=0.0)
    assert times(core, "end_s") == [0.01]


# CONCUR.


def window(used: int, hits: int, prefills: int, admitted: int = 8) -> float:
    """The window of 8 after a tick with so many blocks in use, and tokens hit and computed since the last one."""
    core = start(alone((0.0, 100, 10)), "concur", first_window=8)
    state = core.state
    state.world["n_admitted"] = admitted
    state.world["tick_hits"], state.world["tick_tokens"] = 1000, 5000
    state.instance["hit_tokens"], state.instance["prefill_tokens"] = 1000 + hits, 4000 + prefills
    state.pool["used"] = used
    adapt(state)
    return float(state.world["window"][0])


@pytest.mark.parametrize(
    ("used", "hits", "prefills", "expected"),
    [
        (84, 91, 9, 9.0),
        (85, 91, 9, 8.0),
        (84, 90, 10, 8.0),
        (96, 79, 21, 5.6),
        (95, 79, 21, 8.0),
        (96, 80, 20, 8.0),
        (10, 0, 0, 9.0),  # nothing was asked for, nothing was missed
    ],
)
def test_concur_adds_and_multiplies(used: int, hits: int, prefills: int, expected: float) -> None:
    assert window(used, hits, prefills) == expected


def test_concur_grows_no_window_that_is_not_used() -> None:
    assert window(10, 100, 0, admitted=7) == 8.0


def test_concur_lets_in_as_many_as_the_window() -> None:
    programs = alone(*[(0.0, 100, 100)] * 6)
    core = start(programs, "concur", first_window=2.5, period_s=0.5)
    core.state.world["time_limit_s"] = 0.4
    core.advance()
    assert (core.state.world["n_admitted"][0], core.state.world["n_held"][0]) == (2, 4)
    core.state.world["time_limit_s"] = 0.6  # a tick at 0.5, with few blocks in use and no hit
    core.advance()
    assert core.state.world["window"][0] == 2.5


# Answers from outside.


def test_answers_and_their_mask() -> None:
    blueprint = Blueprint([engine()], open_kinds=("admit_program",), rules={"admit_program": "max_programs"})
    core = Core(blueprint.state(alone((0.0, 100, 10), (0.01, 100, 10), (0.02, 100, 10), (0.03, 100, 10))))
    assert core.advance() == ADMIT_PROGRAM
    assert core.state.option[:3].tolist() == [1, 0, 1]  # nobody is in
    assert core.default() == ADMIT
    assert core.advance(REJECT) == ADMIT_PROGRAM
    assert core.state.option[:3].tolist() == [1, 0, 1]
    assert core.advance(ADMIT) == ADMIT_PROGRAM
    assert core.state.option[:3].tolist() == [1, 1, 1]
    assert core.advance(HOLD) == ADMIT_PROGRAM
    assert core.state.world["asked_program"][0] == 3
    assert core.advance(HOLD) == ADMIT_PROGRAM
    # The second ends: the third is asked for again, and the fourth only after it.
    assert core.state.world["now_s"][0] == pytest.approx(0.11)
    assert [core.state.world[name][0] for name in ("asked_program", "n_held")] == [2, 2]
    assert core.advance(ADMIT) == ADMIT_PROGRAM
    assert core.state.world["asked_program"][0] == 3
    assert core.advance(HOLD) == ADMIT_PROGRAM
    assert core.advance(ADMIT) == ENDED
    assert core.state.program_run["state"].tolist() == [REJECTED, DONE, DONE, DONE]
