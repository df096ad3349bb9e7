"""What turns find at their first stay in a batch and what at later ones, by hand, on both simulators.

An iteration takes one second, a block has 16 tokens.
"""

from tests.engine.iteration.test_modes import independent, instance, link, run
from tests.reference.building import WorkloadBuilder
from tests.reference.description import MemorySpec, TierSpec
from tests.reference.records import Records


def found(records: Records, turn: int) -> tuple[int, int, int]:
    """Hits of the first stay, hits of later ones, and what was looked up in these."""
    row = records.turns[turn]
    return row["hit_tokens"], row["readmission_hit_tokens"], row["readmission_lookup_tokens"]


def test_a_preempted_turn_finds_its_own_blocks_as_a_readmission() -> None:
    records = run(independent((0.0, 30, 20), (0.0, 30, 20)), instance("mixed", blocks=5))
    # Turn 1 goes at 4 with three tokens of output and leaves two blocks; one is there when it comes back at 20.
    assert records.turns["preemptions"].tolist() == [0, 1]
    assert found(records, 0) == (0, 0, 0)
    assert found(records, 1) == (0, 16, 33)
    (row,) = records.instances
    assert (row["hit_tokens"], row["lookup_tokens"]) == (0, 60)
    assert (row["readmission_hit_tokens"], row["readmission_lookup_tokens"]) == (16, 33)


def test_what_the_first_stay_found_stays_a_hit() -> None:
    build = WorkloadBuilder()
    system = build.segment(2)
    build.program(0.0)
    build.turn(build.segment(1, system), 40, 1)
    for _ in range(2):
        build.program(10.0)
        build.turn(build.segment(4, system), 46, 30)
    records = run(build.build(), instance("mixed", blocks=6))
    # Turns 1 and 2 find the system prompt; turn 2 is preempted and finds it, and blocks of its own, once more.
    assert records.turns["preemptions"].tolist() == [0, 0, 1]
    assert [found(records, turn)[0] for turn in range(3)] == [0, 32, 32]
    hits, looked_up = found(records, 2)[1:]
    assert 32 <= hits < looked_up
    assert records.instances["lookup_tokens"] == 40 + 46 + 46


def test_a_prompt_cut_short_by_a_preemption_was_looked_up_whole() -> None:
    records = run(independent((0.0, 15, 40), (0.0, 40, 2)), instance("mixed", blocks=5, tokens=3, seqs=3))
    # Beside turn 0 turn 1 computes 34 tokens of its prompt, two in each iteration, until turn 0 needs a block.
    assert records.turns["preemptions"].tolist() == [0, 1]
    assert found(records, 1) == (0, 16, 40)
    assert records.turns["computed_tokens"][1] == 34 + 24
    assert records.instances["lookup_tokens"] == 15 + 40


def test_turns_of_an_instance_that_fails_come_back_or_come_for_the_first_time() -> None:
    build = WorkloadBuilder()
    leaves = [build.segment(4), build.segment(4)]
    for leaf in leaves:
        build.program(0.0)
        build.turn(leaf, 48, 5)
    failing = instance("mixed", seqs=1, failures=((2.5, 1.0),))
    records = run(build.build(), failing)
    # Turn 0 was in the batch; turn 1 waited, so that its first stay is still to come.
    assert found(records, 0) == (0, 0, 50)
    assert found(records, 1) == (0, 0, 0)
    assert records.instances["lookup_tokens"] == 48 + 48


def test_what_was_moved_for_a_turn_is_neither_looked_up_nor_found() -> None:
    records = run(independent((0.0, 100, 4)), instance("prefill"), instance("decode"), memory=link(1e9))
    assert found(records, 0) == (0, 0, 0)
    assert records.instances["lookup_tokens"].tolist() == [100, 0]


def test_a_turn_that_is_preempted_where_it_decodes_is_readmitted_there() -> None:
    pools = instance("prefill"), instance("decode", blocks=5)
    records = run(independent((0.0, 30, 20), (0.0, 30, 20)), *pools, memory=link(1e9))
    assert records.turns["preemptions"].sum() > 0
    assert records.turns["hit_tokens"].tolist() == [0, 0]
    assert records.instances["lookup_tokens"].tolist() == [60, 0]
    assert records.instances["readmission_lookup_tokens"][0] == 0
    assert records.instances["readmission_lookup_tokens"][1] > 30


def test_what_is_loaded_from_a_tier_is_a_hit_of_the_stay_that_waited_for_it() -> None:
    build = WorkloadBuilder()
    leaf = build.segment(7)
    for arrival_s in (0.0, 4.0):
        build.program(arrival_s)
        build.turn(leaf, 100, 3)
    dram = MemorySpec((TierSpec("dram", 100, (0,), float("inf"), 2.0, 0.0),), 1.0, "write_through", 0)
    records = run(build.build(), instance("mixed", failures=((3.5, 0.25), (8.5, 0.5))), memory=dram)
    # Turn 1 waits for six blocks from 4 to 7, is lost at 8.5 and waits for them again.
    assert found(records, 1) == (96, 96, 101)
