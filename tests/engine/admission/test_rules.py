"""Each admission rule against cases computed by hand; docs/scheduling.md has the formulas. An iteration takes 10 ms."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pytest

from agentsim_env.engine.admission.admission import rule_for_program
from agentsim_env.engine.admission.rules import tick_by_rule
from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.decisions import ADMIT, ADMIT_PROGRAM, ENDED, HOLD, REJECT
from agentsim_env.engine.core.state import ACTIVE, DONE, HELD, REJECTED
from agentsim_env.engine.entry import Core
from agentsim_env.workload.programs import Programs
from tests.engine.hand_made import bound, engine
from tests.reference.building import WorkloadBuilder

ticked = bound(tick_by_rule)
asked = bound(rule_for_program)


def tick(core: Core) -> None:
    """A control tick of the scenario's rule."""
    ticked(core.state, int(core.state.rule[ADMIT_PROGRAM]))


def rule_for(core: Core, program: int) -> int:
    """What the rule answers for a program."""
    return int(asked(core.state, program))


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
        rule_params={"admit_program": parameters},
        control_period_s=0.25,
    )
    return Core(new_state(blueprint, programs))


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
    assert (core.state.program_run["admitted_s"] > core.state.program_run["arrived_s"]).tolist() == [False, True, True]


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


# The gate with two marks.


def gated(*, waiting: int, used: int, held: int = 0) -> Core:
    """The first program asks, or is the first of those held, with so many turns waiting and blocks in use."""
    core = start(alone(*[(0.0, 100, 10)] * 4), "hysteresis_gate")
    state = core.state
    state.instance["n_waiting"], state.pool["used"] = waiting, used
    state.world["n_admitted"], state.world["n_done"], state.world["n_held"] = 2, 5, held
    if held:
        state.world["held_head"] = 0
    return core


def test_the_hysteresis_gate_closes_above_its_marks() -> None:
    assert rule_for(gated(waiting=48, used=85), 0) == ADMIT
    assert rule_for(gated(waiting=49, used=0), 0) == HOLD
    assert rule_for(gated(waiting=0, used=86), 0) == HOLD


def test_the_hysteresis_gate_lets_one_in_a_tick_while_little_waits() -> None:
    core = gated(waiting=24, used=99, held=2)
    assert rule_for(core, 0) == HOLD  # before any tick
    tick(core)
    assert (rule_for(core, 0), rule_for(core, 1)) == (ADMIT, HOLD)
    core.state.world["n_admitted"], core.state.world["n_held"], core.state.world["held_head"] = 3, 1, 1
    assert rule_for(core, 1) == HOLD
    core.state.world["n_admitted"], core.state.world["n_done"] = 2, 6  # one has ended in between
    assert rule_for(core, 1) == HOLD
    tick(core)
    assert rule_for(core, 1) == ADMIT
    core.state.instance["n_waiting"] = 25
    tick(core)
    assert rule_for(core, 1) == HOLD


def test_a_tick_of_the_hysteresis_gate_with_nobody_held_allows_nothing() -> None:
    core = gated(waiting=0, used=0)
    tick(core)
    core.state.world["held_head"], core.state.world["n_held"] = 0, 1
    assert rule_for(core, 0) == HOLD


# CONCUR.


def ticked_window(rule: str, used: int, hits: int, prefills: int, admitted: int = 8) -> float:
    """The window of 8 after a tick with so many blocks in use, and tokens hit and computed since the last one."""
    core = start(alone((0.0, 100, 10)), rule, first_window=8)
    state = core.state
    state.world["n_admitted"] = admitted
    state.world["tick_hits"], state.world["tick_tokens"] = 1000, 5000
    state.instance["hit_tokens"], state.instance["prefill_tokens"] = 1000 + hits, 4000 + prefills
    state.pool["used"] = used
    tick(core)
    return float(state.world["window"][0])


@pytest.mark.parametrize(
    ("used", "hits", "prefills", "expected"),
    [
        (19, 0, 100, 10.0),  # whatever is hit
        (20, 100, 0, 8.0),
        (50, 19, 81, 8.0),
        (51, 19, 81, 4.0),
        (51, 20, 80, 8.0),
        (51, 0, 0, 8.0),  # nothing was asked for, nothing was missed
    ],
)
def test_concur_adds_two_and_halves(used: int, hits: int, prefills: int, expected: float) -> None:
    assert ticked_window("concur", used, hits, prefills, admitted=4) == expected


def test_concur_grows_a_window_that_is_not_used() -> None:
    assert ticked_window("concur", 10, 0, 100, admitted=1) == 10.0


def inside(*admitted_s: float, window: float) -> Core:
    """Programs that came in at these times; memory is neither empty nor full, so that the window stays."""
    core = contexts("concur", *[100] * len(admitted_s))
    core.state.program_run["admitted_s"] = admitted_s
    core.state.world["window"] = window
    core.state.pool["used"] = 30
    return core


def test_concur_pauses_what_came_in_last_and_resumes_what_came_in_first() -> None:
    core = inside(3.0, 1.0, 4.0, 1.0, 5.0, window=3.5)
    tick(core)
    assert paused(core) == [2, 4]
    core.state.world["window"] = 2.0
    tick(core)
    assert paused(core) == [0, 2, 4]
    core.state.world["window"] = 4.0
    tick(core)
    assert paused(core) == [4]


def test_concur_leaves_one_to_run() -> None:
    core = inside(0.0, 1.0, window=0.5)
    tick(core)
    assert paused(core) == [1]


def test_concur_lets_nobody_in_while_others_are_paused() -> None:
    core = inside(0.0, 1.0, 2.0, window=2.0)
    core.state.program_run["state"][2] = HELD
    core.state.world["n_admitted"] = 2
    assert rule_for(core, 2) == HOLD
    core.state.world["window"] = 3.0
    assert rule_for(core, 2) == ADMIT
    core.state.program_run["paused"][1] = core.state.world["n_paused"] = 1
    assert rule_for(core, 2) == HOLD


# CONCUR with constants of ours.


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
def test_concur_tuned_adds_and_multiplies(used: int, hits: int, prefills: int, expected: float) -> None:
    assert ticked_window("concur_tuned", used, hits, prefills) == expected


def test_concur_tuned_grows_no_window_that_is_not_used() -> None:
    assert ticked_window("concur_tuned", 10, 100, 0, admitted=7) == 8.0


def test_concur_tuned_lets_in_as_many_as_the_window() -> None:
    programs = alone(*[(0.0, 100, 100)] * 6)
    core = start(programs, "concur_tuned", first_window=2.5, period_s=0.5)
    core.state.world["time_limit_s"] = 0.4
    core.advance()
    assert (core.state.world["n_admitted"][0], core.state.world["n_held"][0]) == (2, 4)
    core.state.world["time_limit_s"] = 0.6  # a tick at 0.5, with few blocks in use and no hit
    core.advance()
    assert core.state.world["window"][0] == 2.5


# Answers from outside.


def test_answers_and_their_mask() -> None:
    blueprint = Blueprint([engine()], agent_kinds=("admit_program",), rules={"admit_program": "max_programs"})
    core = Core(new_state(blueprint, alone((0.0, 100, 10), (0.01, 100, 10), (0.02, 100, 10), (0.03, 100, 10))))
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


# ThunderAgent and MORI.


def contexts(rule: str, *tokens: int, kv_blocks: int = 100, **parameters: float) -> Core:
    """Programs with contexts of so many tokens that all act since now; a tick is due."""
    work = WorkloadBuilder()
    for _ in tokens:
        work.program(0.0)
        work.turn(work.segment(100), 100, 10)
    defaults = {"buffer_tokens": 0.0}
    blueprint = Blueprint(
        [engine(kv_blocks=kv_blocks)],
        rules={"admit_program": rule},
        rule_params={"admit_program": defaults | parameters},
    )
    core = Core(new_state(blueprint, work.build()))
    run_ = core.state.program_run
    run_["state"] = ACTIVE
    run_["context_tokens"] = tokens
    core.state.world["n_admitted"] = len(tokens)
    return core


def paused(core: Core) -> list[int]:
    return np.flatnonzero(core.state.program_run["paused"]).tolist()


def test_thunder_agent_pauses_the_smallest_that_act_first() -> None:
    core = contexts("thunder_agent", 500, 300, 900, 200, 400)  # 2,300 tokens for 1,600
    tick(core)
    assert paused(core) == [1, 3, 4]  # 200, 300 and 400 make 1,400 of it
    core = contexts("thunder_agent", 500, 300, 900, 200, 400)
    core.state.program_run["live"] = [0, 1, 0, 1, 0]
    tick(core)
    assert paused(core) == [0, 4]  # 400 and 500


def test_thunder_agent_forgets_those_that_act_for_long() -> None:
    core = contexts("thunder_agent", 500, 300, 900, 200, 400, half_life_s=2.0)
    core.state.world["now_s"] = 10.0
    core.state.program_run["acting_since_s"] = [6.0, 10.0, 8.0, 10.0, 10.0]
    tick(core)
    assert paused(core) == []  # 125 + 300 + 450 + 200 + 400 = 1,475
    core.state.program_run["acting_since_s"][2] = 9.9  # 869 instead of 450
    tick(core)
    assert paused(core) == [1, 3]


def test_thunder_agent_resumes_those_with_a_turn_first_and_the_smallest() -> None:
    core = contexts("thunder_agent", 500, 300, 700, 200, 400)
    core.state.program_run["paused"] = [0, 1, 1, 1, 0]
    core.state.program_run["live"] = [1, 0, 1, 0, 1]
    core.state.world["n_paused"] = 3
    tick(core)
    assert paused(core) == [1, 3]  # 900 + 700 fills it
    core.state.program_run["context_tokens"][2] = 450
    tick(core)
    assert paused(core) == [1]  # + 200, but not + 300


def test_pausing_never_leaves_nobody() -> None:
    core = contexts("thunder_agent", 2000, 3000)
    tick(core)
    assert paused(core) == [0]
    core.state.program_run["paused"] = 1
    core.state.world["n_paused"] = 2
    tick(core)
    assert paused(core) == [1]


def behind_one_prompt(rule: str, *tokens: int, **parameters: float) -> Core:
    """As `contexts`, but that all begin with the same 40 blocks, 640 tokens of their prompts."""
    work = WorkloadBuilder()
    system = work.segment(40)
    for _ in tokens:
        work.program(0.0)
        work.turn(work.segment(100, system), 700, 10)
    blueprint = Blueprint(
        [engine(kv_blocks=100)],
        rules={"admit_program": rule},
        rule_params={"admit_program": {"buffer_tokens": 0.0} | parameters},
    )
    core = Core(new_state(blueprint, work.build()))
    core.state.program_run["state"] = ACTIVE
    core.state.program_run["context_tokens"] = tokens
    core.state.world["n_admitted"] = len(tokens)
    return core


@pytest.mark.parametrize("rule", ["thunder_agent", "mori"])
def test_a_shared_prompt_counts_with_each_in_parts_or_once(rule: str) -> None:
    """Contexts of 800, 900 and 1,000 tokens for 1,600; what is their own is 160, 260 and 360, and 640 are shared."""
    core = behind_one_prompt(rule, 800, 900, 1000)
    tick(core)
    assert len(paused(core)) == 2  # 2,700, then 1,900 or less, then one of them
    for attribution in (1.0, 2.0):
        core = behind_one_prompt(rule, 800, 900, 1000, attribution=attribution)
        tick(core)
        assert paused(core) == []  # 160 + 260 + 360 + 640 = 1,420


@pytest.mark.parametrize("attribution", [1.0, 2.0])
def test_who_shares_no_more_frees_only_what_is_its_own(attribution: float) -> None:
    """Contexts of 900, 1,000 and 1,100 tokens are 260 + 360 + 460 + 640 = 1,720: the smallest is paused, 1,460 stay."""
    core = behind_one_prompt("thunder_agent", 900, 1000, 1100, attribution=attribution)
    tick(core)
    assert paused(core) == [0]
    core.state.program_run["context_tokens"] = [800, 1000, 1100]
    tick(core)
    assert paused(core) == [0]  # with its 160 it would be 1,620
    core.state.program_run["context_tokens"] = [770, 1000, 1100]
    tick(core)
    assert paused(core) == []  # 130 fit, 770 would not


@pytest.mark.parametrize("seed", range(20))
def test_smallest_first_recomputes_least(seed: int) -> None:
    """ThunderAgent's lemma: of all sets that free the same sum, the smallest contexts have the least sum of squares."""
    rng = np.random.default_rng(seed)
    tokens = (10 * rng.integers(5, 60, 9)).tolist()
    core = contexts("thunder_agent", *tokens, kv_blocks=int(sum(tokens) * 0.6) // 16)
    tick(core)
    chosen = [tokens[p] for p in paused(core)]
    assert sum(tokens) - sum(chosen) <= core.state.pool["capacity"][0] * 16
    for n in range(1, 10):
        for other in combinations(tokens, n):
            if sum(other) == sum(chosen):
                assert sum(c * c for c in other) >= sum(c * c for c in chosen)


def test_mori_pauses_the_most_idle_and_resumes_the_least() -> None:
    core = contexts("mori", 500, 500, 500, 500)
    run_ = core.state.program_run
    core.state.world["now_s"] = 10.0
    run_["acting_since_s"] = [10.0, 9.0, 10.0, 10.0]
    run_["acting_s"], run_["reasoning_s"] = [3.0, 0.0, 1.0, 0.0], [1.0, 1.0, 3.0, 5.0]
    # Idleness 3/4, 1/2 (the second that it acts), 1/4, 0; 2,000 tokens for 1,600.
    tick(core)
    assert paused(core) == [0]
    run_["paused"] = 1
    core.state.world["n_paused"] = 4
    tick(core)
    assert paused(core) == [0]
    run_["live"] = [0, 1, 0, 0]  # the call that is going on counts no more, and who has a turn leaves last
    run_["acting_s"][1] = 9.0
    run_["paused"] = 0
    core.state.world["n_paused"] = 0
    tick(core)
    assert paused(core) == [0]


def test_a_paused_program_waits_at_the_gateway() -> None:
    # Contexts of 310 tokens each after the first turns, 700 with the second, in 960.
    work = WorkloadBuilder()
    for arrival_s, gap_s, output in ((0.0, 0.2, 90), (0.001, 0.4, 10)):
        work.program(arrival_s)
        leaf = work.segment(60)
        work.edge(work.turn(leaf, 300, 10), work.turn(leaf, 700, output), gap_s=gap_s)
    blueprint = Blueprint(
        [engine(kv_blocks=60, max_num_batched_tokens=2048)],
        rules={"admit_program": "thunder_agent"},
        rule_params={"admit_program": {"period_s": 0.07, "buffer_tokens": 0.0, "half_life_s": 100.0}},
    )
    core = Core(new_state(blueprint, work.build()))
    assert core.advance() == ENDED
    runs = core.state.program_run
    assert runs["admitted_s"].tolist() == runs["arrived_s"].tolist()
    assert (runs["pauses"].tolist(), core.state.world["n_paused"][0]) == ([0, 1], 0)
    # The second program, acting at the tick of 0.35, is paused; the first ends at 1.2, the next tick is at 1.26.
    assert times(core, "ready_s") == [0.0, 0.3, 0.001, 0.51]
    assert times(core, "routed_s") == [0.0, 0.3, 0.001, 1.26]
    assert core.state.program_run["gap_s"] == pytest.approx([0.2, 0.4])
