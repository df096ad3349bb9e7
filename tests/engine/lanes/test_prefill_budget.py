"""Who is asked to set budgets, when, and what follows: by hand, on both simulators where a rule answers."""

from dataclasses import replace

import pytest

from agentsim_env import Simulator, load_scenario
from agentsim_env.engine.core.state import State
from agentsim_env.engine.lanes import answers
from agentsim_env.engine.lanes.rules import feedback
from agentsim_env.hardware.lanes import Lanes, slot_for
from agentsim_env.workload.programs import Programs
from tests.agreement.compare import agreed_records
from tests.agreement.scenario import Scenario
from tests.engine.hand_made import bound, called, state
from tests.reference.building import WorkloadBuilder
from tests.reference.description import InstanceSpec, LanesSpec, constant_profile
from tests.reference.records import Records

PERIOD_S = 10.5


def decoding(tokens: int) -> Programs:
    """A turn whose prefill takes a second and each of whose tokens takes another."""
    build = WorkloadBuilder()
    build.program()
    build.turn(build.segment(20), 16, tokens)
    return build.build()


def run(tokens: int, **parameters: float) -> Records:
    """An instance that decodes for a while under `tpot_feedback`, asked every 10.5 s."""
    spec = InstanceSpec(50, 8, 512, 10_000, constant_profile(overhead_s=1.0), mode="two_lanes", lanes=LanesSpec())
    given = {
        "high": 1.0,
        "low": 0.8,
        "slo_factor": 2.0,
        "step_tokens": 32.0,
        "step_share": 0.1,
        "most_tokens": 512.0,
        "least_share": 0.1,
        "most_share": 0.8,
        "period_s": PERIOD_S,
    }
    scenario = Scenario(decoding(tokens), [spec], budget="tpot_feedback", budget_parameters={**given, **parameters})
    return agreed_records(scenario)


def test_an_instance_is_asked_about_at_each_tick_as_long_as_it_has_work() -> None:
    # 60 s of work, ticks at 10.5, 21, 31.5, 42 and 52.5: each relaxes, as a token takes half of the objective.
    records = run(60)
    assert records.instances["budget_changes"] == 5
    assert records.end_s == 60.0, "ticks alone keep nothing going"


def test_between_both_thresholds_it_holds() -> None:
    assert run(60, slo_factor=1.1).instances["budget_changes"] == 0


def test_at_its_bounds_nothing_changes() -> None:
    # 64 tokens and 40 %: two steps of 32 tokens down, four of 10 % up.
    assert run(100, slo_factor=0.5).instances["budget_changes"] == 4
    assert run(100, slo_factor=0.5, step_share=0.0).instances["budget_changes"] == 2


def lane_state(**lanes: float) -> State:
    made = state(mode="two_lanes", lanes=replace(Lanes(), **lanes))
    made.world["slo_tpot_s"] = 0.05
    return made


@pytest.mark.parametrize(
    ("tpot_s", "share", "tokens"),
    [(0.051, 0.5, 32), (0.0499, 0.4, 64), (0.0401, 0.4, 64), (0.039, 0.3, 96), (0.0, 0.4, 64)],
)
def test_tpot_feedback_protects_above_the_objective_and_relaxes_below_most_of_it(
    tpot_s: float, share: float, tokens: int
) -> None:
    made = lane_state()
    # The objective is the scenario's.
    made.instance["busy_s"], made.instance["iteration"] = 10 * tpot_s, 10 if tpot_s else 0
    bound(feedback.tpot_feedback)(made, 0, 1.0, 0.8, 2.0, 32.0, 0.1, 512.0, 0.1, 0.8)
    assert made.world["set_share"] == pytest.approx(share)
    assert made.world["set_tokens"] == tokens


def test_only_the_interval_since_the_last_question_counts() -> None:
    made = lane_state()
    made.instance["busy_s"], made.instance["iteration"] = 10.0, 20
    made.lanes["tick_busy_s"], made.lanes["tick_steps"] = 9.9, 10
    bound(feedback.tpot_feedback)(made, 0, 1.0, 0.8, 2.0, 32.0, 0.1, 512.0, 0.1, 0.8)
    assert made.world["set_tokens"] == 96, "ten steps of 10 ms"


@pytest.mark.parametrize(("share", "tokens", "answer"), [(0.37, 70, 3 * 6 + 2), (0.0, 0, 0), (0.9, 9999, 8 * 6 + 5)])
def test_an_agent_is_shown_the_nearest_of_its_answers(share: float, tokens: int, answer: int) -> None:
    assert bound(answers.set_to)(lane_state(), 0, share, tokens) == answer


@pytest.mark.parametrize("share", [0.0, 0.1 + 0.2, 0.37, 0.4, 0.95])
def test_the_engine_takes_the_slot_that_the_scenario_would_take(share: float) -> None:
    assert called(answers.slot_for, share, 10) == slot_for(share, 10)


TWO_LANES = {
    "cluster.instances.0.mode": "two_lanes",
    "cluster.instances.0.lanes": {"slots": 5, "budget_grid_tokens": [0, 64, 128]},
    "episode": {"programs": 4, "warmup_programs": 0},
    "decisions.control_period_s": 0.2,
}


def test_an_agent_answers_with_a_slot_and_a_budget() -> None:
    simulator = Simulator(load_scenario("consumer_gpu", TWO_LANES), agent_kinds=["set_prefill_budget"])
    simulator.reset(0)
    decision = simulator.next_decision()
    assert decision is not None
    assert decision.kind == "set_prefill_budget"
    assert len(decision.mask) == 4 * 3
    assert decision.mask.all()
    simulator.apply(2 * 3 + 2)
    lanes = simulator.core.state.lanes[0]
    assert (int(lanes["decode_slot"]), int(lanes["budget_tokens"])) == (3, 128)
    assert simulator.core.state.instance["budget_changes"] == 1


def test_a_rule_answers_like_an_agent_that_does_what_the_rule_would() -> None:
    scenario = load_scenario("consumer_gpu", TWO_LANES)
    alone, asked = Simulator(scenario), Simulator(scenario, agent_kinds=["set_prefill_budget"])
    for simulator in (alone, asked):
        simulator.reset(0)
    alone.run()
    n = 0
    while (decision := asked.next_decision()) is not None:
        asked.apply(decision.default)
        n += 1
    assert n > 10
    assert alone.records().turns["end_s"].tolist() == pytest.approx(asked.records().turns["end_s"].tolist())
