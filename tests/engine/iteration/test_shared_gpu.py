"""Instances that share a GPU, by hand, on both simulators.

An iteration takes one second where an instance works alone, so that times count iterations.
"""

from dataclasses import replace

import pytest

from agentsim_env.workload.programs import Programs
from tests.agreement.compare import agreed_records
from tests.agreement.scenario import Scenario
from tests.reference.building import WorkloadBuilder
from tests.reference.description import InstanceSpec, MemorySpec, TierSpec, constant_profile
from tests.reference.records import Records


def instance(**changes: object) -> InstanceSpec:
    spec = InstanceSpec(100, 8, 512, 10_000, constant_profile(overhead_s=1.0), shares_gpu="card")
    return replace(spec, **changes)  # type: ignore[arg-type]


def independent(*shapes: tuple[float, int, int]) -> Programs:
    """Programs of one turn, nothing shared, from (arrival, prompt, output)."""
    build = WorkloadBuilder()
    for arrival_s, prompt, output in shapes:
        build.program(arrival_s)
        build.turn(build.segment(-(-(prompt + output) // 16)), prompt, output)
    return build.build()


def run(programs: Programs, *specs: InstanceSpec, **changes: object) -> Records:
    """The records, on which both simulators agree; turns go to the instances in order."""
    return agreed_records(Scenario(programs, list(specs), rule="round_robin", **changes))  # type: ignore[arg-type]


def test_iterations_take_twice_as_long_while_two_instances_work() -> None:
    records = run(independent((0.0, 10, 6), (2.5, 10, 2)), instance(), instance())
    # Turn 0 has tokens at 1 and 2, and at 3 in the iteration that was in flight when turn 1 came. Turn 1 finds another
    # that works: tokens at 4.5 and 6.5. So does turn 0 at 3 and 5: tokens at 5 and at 7, then alone at 8.
    assert records.turns["first_token_s"].tolist() == [1, 4.5]
    assert records.turns["end_s"].tolist() == [8, 6.5]
    assert records.instances["busy_s"].tolist() == [8, 4]


def test_a_context_switch_is_paid_by_each_iteration_that_begins_while_others_work() -> None:
    records = run(independent((0.0, 10, 6), (2.5, 10, 2)), instance(), instance(), context_switch_s=0.25)
    # Turn 1: 2.25 s for each token. Turn 0: from 3 to 5.25 and to 7.5, then alone.
    assert records.turns["end_s"].tolist() == [8.5, 7]


def test_three_that_work_take_a_third_each() -> None:
    records = run(independent(*[(0.0, 10, 3)] * 3), instance(), instance(), instance())
    # They begin one after the other in the same moment, beside none, one and two others: until 1, 2 and 3. From then on
    # all work, until turn 0 ends at 7. Turn 1 began its last iteration at 5; turn 2 its second at 3 and its third at 6.
    assert records.turns["first_token_s"].tolist() == [1, 2, 3]
    assert records.turns["end_s"].tolist() == [7, 8, 9]


def test_instances_of_their_own_gpus_are_not_slower() -> None:
    programs = independent((0.0, 10, 6), (2.5, 10, 2))
    own = run(programs, instance(shares_gpu=None), instance(shares_gpu=None), context_switch_s=0.25)
    others = run(programs, instance(shares_gpu="one"), instance(shares_gpu="other"), context_switch_s=0.25)
    assert own.turns["end_s"].tolist() == others.turns["end_s"].tolist() == [6, 4.5]


def test_growing_iterations_grow_faster_beside_others() -> None:
    # A decode takes a millisecond for each token of its context.
    growing = replace(constant_profile(overhead_s=1.0), pure_b_s=(0.001,))
    specs = instance(profile=growing), instance(profile=growing)
    records = run(independent((0.0, 10, 4), (0.0, 10, 4)), *specs)
    # Turn 0 alone until 1, turn 1 beside it until 2. Then two times 1.011, 1.012 and 1.013 s; the last one of turn 1
    # begins before turn 0 ends.
    decodes_s = 2 * (1.011 + 1.012 + 1.013)
    assert records.turns["end_s"] == pytest.approx([1 + decodes_s, 2 + decodes_s])


def test_when_one_fails_the_other_has_the_gpu_for_itself() -> None:
    down = instance(failures=((3.0, 100.0),))
    records = run(independent((0.0, 10, 6), (0.0, 10, 3)), instance(), down)
    # Turn 0: until 1 alone, until 3 beside the other, which fails then, and turn 1 comes here. Both go on alone.
    assert records.turns["first_token_s"].tolist() == [1, 2]
    assert records.turns["end_s"][0] == 7


def test_what_is_handed_over_on_one_gpu() -> None:
    peer = TierSpec("peer", 1, (0,), 0.0, float("inf"), 0.0)
    pools = instance(mode="prefill"), instance(mode="decode")
    programs = independent((0.0, 32, 3), (1.0, 32, 1))
    records = run(programs, *pools, memory=MemorySpec((), 1.0, "none", 0, peer))
    # Turn 1 is prefilled from 1 on, at which time nothing decodes yet: until 2. Turn 0 decodes beside it: the block
    # begun and its second token until 3, then alone.
    assert records.turns["end_s"].tolist() == [4, 2]
