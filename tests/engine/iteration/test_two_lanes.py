"""Prefills beside decodes on shares of one GPU, by hand, on both simulators.

Where nothing else is said an iteration takes one second on all SMs, and nothing is slower for sharing memory.
"""

from dataclasses import replace

import numpy as np
import pytest

from agentsim_env.hardware.lanes import PREFILL_THROUGHPUT, slot_for
from agentsim_env.workload.programs import Programs
from tests.agreement.compare import agreed_records
from tests.agreement.scenario import Scenario
from tests.reference.building import WorkloadBuilder
from tests.reference.description import InstanceSpec, LanesSpec, constant_profile
from tests.reference.records import Records

LANES = LanesSpec(rebind_s=0.0)
SPEED = PREFILL_THROUGHPUT[6]
"""Of prefills while decodes have 40 % of the SMs."""
SLOWER = ((1.0 + (2.5 / 10.3 / 0.4) ** 5) / (1.0 + (2.5 / 10.3) ** 5)) ** 0.2
"""A decode step on these, over one on all SMs: by 1.6 %."""


def instance(
    blocks: int = 100, seqs: int = 8, tokens: int = 512, lanes: LanesSpec = LANES, **changes: object
) -> InstanceSpec:
    spec = InstanceSpec(blocks, seqs, tokens, 100_000, constant_profile(overhead_s=1.0), mode="two_lanes", lanes=lanes)
    return replace(spec, **changes)  # type: ignore[arg-type]


def independent(*shapes: tuple[float, int, int]) -> Programs:
    """Programs of one turn, nothing shared, from (arrival, prompt, output)."""
    build = WorkloadBuilder()
    for arrival_s, prompt, output in shapes:
        build.program(arrival_s)
        build.turn(build.segment(-(-(prompt + output) // 16)), prompt, output)
    return build.build()


def resumed(new_tokens: int, beside: bool = True) -> Programs:
    """A program whose second turn brings so many tokens at 20 s, and one that decodes all the time."""
    build = WorkloadBuilder()
    build.program()
    leaf = build.segment(100)
    first = build.turn(leaf, 100, 13)
    # 112 tokens have KV when it ends, in 7 blocks: of the next prompt one token more than the new ones is not cached.
    build.edge(first, build.turn(leaf, 113 + new_tokens, 1, new_tokens), 5.0)
    if beside:
        build.program(0.5)
        build.turn(build.segment(10), 20, 60)
    return build.build()


def run(programs: Programs, *specs: InstanceSpec, **rules: str) -> Records:
    """The records, on which both simulators agree."""
    return agreed_records(Scenario(programs, list(specs), **rules))  # type: ignore[arg-type]


def tpot_s(records: Records) -> np.ndarray:
    """Mean time per output token after the first, of each turn, while it decodes alone in its lane."""
    return records.turns["end_s"] - records.turns["first_token_s"]


@pytest.mark.parametrize(("share", "measured_s"), [(0.2, 0.01338), (0.3, 0.01086), (0.4, 0.01051)])
def test_a_decode_step_takes_what_was_measured_beside_a_prefill(share: float, measured_s: float) -> None:
    # A step of 10.3 ms that memory limits, and 150 us of compute a token, as Qwen2.5-3B has on an RTX 3090.
    flat = constant_profile()
    profile = replace(flat, dense_tokens=(1.0, 68.0, 2048.0), dense_s=(0.0103, 0.0103, 0.3073))
    spec = instance(blocks=1000, tokens=2048, profile=profile, lanes=LanesSpec(decode_share=share))
    turns = run(independent((0.0, 64, 41), (0.0, 10_000, 1)), spec).turns
    assert turns["end_s"][1] > turns["end_s"][0], "the prefill has ended too early"
    assert (turns["end_s"] - turns["first_token_s"])[0] / 40 == pytest.approx(measured_s, rel=0.02)


@pytest.mark.parametrize(("share", "slot"), [(0.37, 4), (0.3, 3), (0.1 + 0.1 + 0.1, 3), (0.301, 4), (0.0, 1), (0.9, 9)])
def test_decodes_get_the_smallest_slot_that_has_their_share(share: float, slot: int) -> None:
    assert slot_for(share, 10) == slot


@pytest.mark.parametrize(("new_tokens", "merged"), [(63, 1), (64, 0)])
def test_a_resume_prefill_within_the_budget_joins_the_decodes(new_tokens: int, merged: int) -> None:
    records = run(resumed(new_tokens), instance(lanes=replace(LANES, prefill_budget_tokens=64)))
    assert records.instances["merged_prefills"] == merged
    assert records.instances["prefill_lane_iterations"] == 3 - merged


def test_the_first_turn_of_a_program_is_cold_whatever_is_found_of_it() -> None:
    build = WorkloadBuilder()
    shared = build.segment(2)
    for arrival_s in (0.0, 5.0):
        build.program(arrival_s)
        build.turn(build.segment(2, shared), 40, 3)
    records = run(build.build(), instance())
    assert records.turns["hit_tokens"].tolist() == [0, 32]
    assert records.instances["merged_prefills"] == 0


@pytest.mark.parametrize(("budget", "merged"), [(0, 0), (100_000, 1)])
def test_without_a_budget_no_prefill_joins_the_decodes_and_without_a_bound_each_does(budget: int, merged: int) -> None:
    records = run(resumed(700), instance(lanes=replace(LANES, prefill_budget_tokens=budget)))
    assert records.instances["merged_prefills"] == merged


def test_prefills_do_not_stop_decodes() -> None:
    # A token takes a millisecond of compute: a prompt of 480 tokens in their batch takes half a second of all decodes.
    linear = replace(constant_profile(overhead_s=0.001), dense_tokens=(1.0, 2.0), dense_s=(0.001, 0.002))
    shapes = [(0.27 * k, 480, 100) for k in range(8)]

    def slowest_s(spec: InstanceSpec) -> float:
        turns = run(independent(*shapes), spec).turns
        return float(((turns["end_s"] - turns["first_token_s"]) / 99).max())

    two = instance(blocks=1000, profile=linear)
    assert slowest_s(replace(two, mode="mixed")) > 0.006
    assert slowest_s(two) < 0.006


def test_a_lane_that_is_alone_has_the_whole_gpu_if_work_is_conserved() -> None:
    programs = independent((0.0, 100, 5))
    assert run(programs, instance()).turns["end_s"] == 5.0
    held = run(programs, instance(lanes=replace(LANES, work_conserving=False)))
    assert held.turns["first_token_s"] == pytest.approx(1 / SPEED)
    assert tpot_s(held) == pytest.approx(4 * SLOWER)


def test_an_iteration_of_the_prefill_lane_is_timed_again_when_decodes_begin_and_end() -> None:
    # Turn 0 is prefilled until 1 and decodes beside turn 1 until it has its third token.
    records = run(independent((0.0, 100, 3), (0.5, 2048, 1)), instance(tokens=512, blocks=200))
    end_s = 1 + 2 * SLOWER
    assert records.turns["end_s"][0] == pytest.approx(end_s)
    done = (end_s - 1) * SPEED
    assert records.turns["end_s"][1] == pytest.approx(end_s + 4 - done)


def test_a_lane_waits_to_be_bound_to_another_slot() -> None:
    programs = independent((0.0, 100, 4), (0.5, 100, 1))
    lanes = replace(LANES, rebind_s=0.125)
    plain, bound = run(programs, instance()), run(programs, instance(lanes=lanes))
    # At 1 decodes are bound to their slot and prefills to the rest, and decodes to all SMs when the prefill has ended.
    assert plain.instances["rebinds"] == bound.instances["rebinds"] == 3
    assert bound.turns["end_s"][1] - plain.turns["end_s"][1] == pytest.approx(0.125)
    assert bound.turns["end_s"][0] - plain.turns["end_s"][0] == pytest.approx(0.25)


def test_without_a_partition_a_lane_gets_what_it_demands() -> None:
    lanes = replace(LANES, partition=False)
    small, large = (run(independent((0.0, 100, 3), (0.5, n, 1)), instance(lanes=lanes)) for n in (64, 512))
    assert small.instances["rebinds"] == large.instances["rebinds"] == 0
    # A chunk of 512 tokens fills the GPU and gets 1 / 1.4 of it, one of 64 tokens 0.125 / 0.525.
    speed = np.interp(1 / 1.4, np.linspace(0, 1, 11), PREFILL_THROUGHPUT)
    assert large.turns["first_token_s"][1] - 1 == pytest.approx(1 / speed)
    assert tpot_s(large)[0] > tpot_s(small)[0]


def test_what_the_prefill_lane_computes_is_found_when_it_has_been_computed() -> None:
    build = WorkloadBuilder()
    shared = build.segment(8)
    for arrival_s, output in ((0.0, 3), (0.5, 1)):
        build.program(arrival_s)
        build.turn(build.segment(2, shared), 140, output)
    records = run(build.build(), instance(seqs=2))
    # The second prompt waits for the lane until 1, and computes twelve tokens.
    assert records.turns["scheduled_s"].tolist() == [0, 1]
    assert records.turns["hit_tokens"].tolist() == [0, 128]


def test_a_failure_loses_what_is_in_flight_in_both_lanes() -> None:
    down = instance(failures=((1.5, 1.0),))
    records = run(independent((0.0, 32, 4), (0.5, 32, 1)), down)
    # Turn 0 decodes from 1 on beside the prefill of turn 1; both are lost at 1.5 and prefilled from 2.5 on.
    assert records.turns["first_token_s"].tolist()[0] == 1
    assert records.turns["preemptions"].tolist() == [1, 1]
    assert records.turns["computed_tokens"].tolist() == [32 + 33, 32 + 32]
    assert records.instances["prefill_lane_s"] == pytest.approx(1 + 0.5 + 1 + 1 / SPEED, abs=0.3)


def test_the_turn_in_the_prefill_lane_is_preempted_like_any_other() -> None:
    # Each has three blocks of six. With its second decode turn 0 begins another: turn 1, admitted last, gives way while
    # its first chunk is in flight, which counts as computed.
    records = run(independent((0.0, 47, 5), (0.5, 33, 1)), instance(blocks=6, tokens=16))
    assert records.turns["preemptions"].tolist() == [0, 1]
    assert records.turns["computed_tokens"].tolist() == [47, 16 + 33]
    assert records.turns["end_s"][0] < records.turns["end_s"][1]
