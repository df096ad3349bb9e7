"""Ties: what is equal by the formulas of the semantics is equal to the bit in both simulators.

The two long scenarios were found by `python -m tests.agreement` and made small by it; the others are made by hand.
"""

import numpy as np

from agentsim_env.workload.programs import Tool
from tests.agreement.compare import agreed_records, engine_records, reference_records
from tests.agreement.scenario import Scenario
from tests.reference.building import WorkloadBuilder
from tests.reference.description import InstanceSpec, Profile, constant_profile


def same_bits(scenario: Scenario) -> None:
    expected, found = reference_records(scenario), engine_records(scenario)
    for name in ("ready_s", "scheduled_s", "first_token_s", "end_s"):
        assert np.array_equal(expected.turns[name], found.turns[name], equal_nan=True), name


def test_programs_that_have_been_served_for_equally_long() -> None:
    """Two programs have had a single iteration each, of equal batches; the least served one is first."""
    work = WorkloadBuilder(
        (
            Tool("tool0", 0, 0.0),
            Tool("tool1", 0, 0.0),
        ),
        16,
        ("a", "b", "c"),
    )
    work.segment(1)
    work.segment(6)
    work.segment(2, 0)
    work.segment(33, 2)
    work.segment(3, 1)
    work.segment(33, 4)
    work.segment(1, 1)
    work.segment(1, 6)
    work.segment(27, 6)
    work.segment(2, 8)
    work.segment(5, 1)
    work.segment(70, 10)
    work.segment(5, 0)
    work.segment(19, 12)
    work.segment(1, 0)
    work.segment(2, 14)
    work.segment(2, 14)
    work.segment(1, 16)
    work.segment(4, 0)
    work.segment(18, 18)
    work.program(0.0, -1)
    work.turn(3, 177, 1, 177)
    work.program(0.0, -1)
    work.turn(5, 173, 1, 173)
    work.turn(5, 667, 1, 667)
    work.program(0.0, -1)
    work.turn(7, 112, 1, 112)
    work.turn(9, 34, 1, 34)
    work.program(0.0, -1)
    work.turn(11, 1282, 1, 1282)
    work.program(0.0, -1)
    work.turn(13, 375, 1, 375)
    work.program(0.0, -1)
    work.turn(15, 16, 1, 16)
    work.turn(17, 2, 1, 2)
    work.program(0.0, -1)
    work.turn(19, 14, 1, 14)
    work.edge(7, 8, 0.015625, 0, 0)
    scenario = Scenario(
        programs=work.build(),
        specs=[
            InstanceSpec(
                capacity_blocks=82,
                max_num_seqs=3,
                max_num_batched_tokens=3,
                max_model_len=2179,
                profile=Profile(
                    dense_tokens=[1.0],
                    dense_s=[0.0005957212781142582],
                    seq_n=[1.0, 4.0],
                    seq_s=[0.00012199721706226355, 0.0002447340852997648],
                    dec_n=[1.0, 3.0],
                    pure_a_s=[5.7892362347822056e-05, 0.00020318234100482696],
                    pure_b_s=[6.443914947473909e-07, 8.655983467044782e-07],
                    mixed_a_s=[0.000189700830536786, 0.00040164347788208387],
                    mixed_b_s=[3.764927465527855e-07, 1.7076991527138146e-06],
                    pre_c=[1.0],
                    pre_a_s=[0.000479679873907758],
                    pre_b_s=[3.5125301259965856e-07],
                    overhead_s=0.001,
                    cpu_s=0.005952400563547853,
                    cpu_per_seq_s=0.0002,
                ),
            ),
        ],
        schedule="plas",
    )
    same_bits(scenario)


def test_a_turn_that_is_ready_when_an_iteration_ends() -> None:
    """A back-off is as long as the iterations that pass meanwhile."""
    work = WorkloadBuilder(
        (
            Tool("tool0", 0, 0.0),
            Tool("tool1", 0, 0.0),
            Tool("tool2", 2, 0.046875),
        ),
        16,
        ("a", "b", "c"),
    )
    work.segment(5)
    work.segment(6, 0)
    work.segment(1, 0)
    work.segment(6, 0)
    work.segment(1, 0)
    work.segment(1, 0)
    work.segment(2, 5)
    work.segment(3, 5)
    work.segment(4, 5)
    work.program(0.21960037839265922, -1, 2.016695868644064, 0)
    work.turn(1, 114, 21, 114)
    work.turn(1, 153, 10, 153)
    work.turn(1, 77, 21, 77)
    work.program(0.21960037839265922, -1)
    work.turn(2, 1, 1, 1)
    work.program(0.21960037839265922, -1)
    work.turn(3, 101, 21, 101)
    work.turn(3, 130, 10, 130)
    work.program(0.21960037839265922, -1)
    work.turn(4, 1, 1, 1)
    work.turn(4, 3, 1, 3)
    work.turn(4, 1, 1, 1)
    work.program(0.046875, 3, 0.15848199087337966, 1)
    work.turn(6, 101, 1, 101)
    work.turn(7, 128, 1, 128)
    work.turn(7, 1, 1, 1)
    work.turn(8, 99, 1, 99)
    work.turn(8, 1, 1, 1)
    work.edge(6, 7, 0.0, 0, 0)
    work.edge(7, 8, 0.0, 0, 0)
    work.edge(9, 12, 0.0, 2, 2)
    work.edge(10, 11, 0.0, 2, 2)
    work.edge(12, 13, 0.0, 0, 0)
    scenario = Scenario(
        programs=work.build(),
        specs=[
            InstanceSpec(
                capacity_blocks=18,
                max_num_seqs=5,
                max_num_batched_tokens=256,
                max_model_len=185,
                profile=Profile(
                    dense_tokens=[1.0],
                    dense_s=[0.0008112310165748975],
                    seq_n=[1.0, 4.0],
                    seq_s=[0.0001586238017644804, 0.00019319049695189992],
                    dec_n=[1.0, 3.0, 8.0],
                    pure_a_s=[7.476330842171918e-05, 0.00018939407098714388, 0.0002546582983537329],
                    pure_b_s=[3.874233757604276e-07, 7.670925247417817e-07, 9.42935263792166e-07],
                    mixed_a_s=[0.00023519643823371805, 0.0003636676099923943, 0.0005836010992563434],
                    mixed_b_s=[7.259725400713776e-07, 1.0106599879423266e-06, 1.7347356217490923e-06],
                    pre_c=[1.0],
                    pre_a_s=[0.0007921017457935806],
                    pre_b_s=[1.034665240803623e-06],
                    overhead_s=0.001,
                    chunk_overhead_s=0.002,
                    cpu_s=0.0010120232443068286,
                    cpu_per_token_s=1e-05,
                    serial_pure_s=4.400116251267639e-06,
                ),
            ),
        ],
        schedule="least_uncached",
    )
    same_bits(scenario)


def test_segments_of_equal_value_to_marconi() -> None:
    """Of two with 1 + 1/3 and 1/3 + 1, recency and prefill time per block, the one released longest ago goes."""
    work = WorkloadBuilder()
    small, large, other = work.segment(2), work.segment(5), work.segment(3)
    for arrival_s, segment, prompt in (
        (0.0, small, 16),  # released at 1: one block, which takes a second to compute
        (7.5, large, 48),  # released at 8.5: three blocks, which take as long
        (12.25, other, 32),  # 11.25 s and 3.75 s later: one block is needed
        (20.0, large, 64),
        (30.0, small, 20),
    ):
        work.program(arrival_s)
        work.turn(segment, prompt, 1)
    spec = InstanceSpec(5, 8, 512, 1000, constant_profile(overhead_s=1.0))
    records = agreed_records(Scenario(work.build(), [spec], evict="marconi", evict_parameters={"alpha": 1.0}))
    assert records.turns["hit_tokens"].tolist() == [0, 0, 0, 48, 0]


def test_two_back_offs_that_take_as_long_as_another_tool() -> None:
    """At ((1 + 3 * 0.4) + 0.1) + 0.2 both tools have answered: the id decides who is routed first."""
    answered_s = ((1.0 + 3 * 0.4) + 0.1) + 0.2
    assert answered_s > (1.0 + 3 * 0.4) + (0.1 + 0.2)
    work = WorkloadBuilder((Tool("fails", 0, 0.1),))
    for gap_s, failures in ((answered_s - 1.0, 0), (0.4, 2)):
        work.program()
        leaf = work.segment(3)
        work.edge(work.turn(leaf, 16, 1), work.turn(leaf, 32, 1), gap_s, failures=failures)
    for output in (3, 4):  # until 4.5 and 5.5, one on each instance
        work.program(1.5)
        work.turn(work.segment(2), 16, output)
    spec = InstanceSpec(100, 1, 512, 1000, constant_profile(overhead_s=1.0))
    records = agreed_records(Scenario(work.build(), [spec, spec]))
    assert records.turns["scheduled_s"].tolist() == [0.0, 4.5, 0.0, 5.5, 1.5, 1.5]


def test_tenants_that_have_been_served_for_equally_long() -> None:
    """Two tenants have had 0.1 s, 0.2 s and 0.3 s, whatever the order of their programs; the queue decides."""
    work = WorkloadBuilder(tenants=("a", "b", "c"))
    shapes = [(0.0, tenant, 16, output) for tenant, outputs in enumerate(((2, 3, 1), (1, 2, 3))) for output in outputs]
    # On the only instance that holds them: one that runs, then one of either tenant.
    shapes += [(10.0, 2, 400, 20), (10.05, 1, 400, 1), (10.05, 0, 400, 1)]
    for arrival_s, tenant, prompt, output in shapes:
        work.program(arrival_s, tenant=tenant)
        work.turn(work.segment(30), prompt, output)
    profile = constant_profile(overhead_s=0.1)
    small, large = InstanceSpec(100, 1, 512, 100, profile), InstanceSpec(100, 1, 512, 1000, profile)
    scenario = Scenario(work.build(), [small] * 5 + [large], rule="round_robin", schedule="saga_fair")
    assert agreed_records(scenario).turns["scheduled_s"][6:].argsort().tolist() == [0, 1, 2]
