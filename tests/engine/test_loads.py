"""What turns that lack the same blocks send for, by hand, on both simulators; an iteration takes one second."""

from tests.engine.test_modes import instance, run
from tests.reference.building import WorkloadBuilder
from tests.reference.description import MemorySpec, TierSpec

# Blocks come up at two a second; what a turn leaves is copied down at once.
DRAM = MemorySpec((TierSpec("dram", 100, (0,), float("inf"), 2.0, 0.0),), 1.0, "write_through", 0)
FAILURE = ((2.5, 0.5),)


def test_what_is_on_its_way_is_not_sent_for_again() -> None:
    build = WorkloadBuilder()
    leaf = build.segment(7)
    for arrival_s, segment in ((0.0, leaf), (4.0, leaf), (4.0, leaf), (4.5, build.segment(7))):
        build.program(arrival_s)
        build.turn(segment, 100, 1)
    records = run(build.build(), instance("mixed", failures=FAILURE), memory=DRAM)
    # Turn 0 leaves six blocks, of which only those in DRAM are left at 3. They come for turn 1 from 4 to 7, and turn 2
    # finds them, too. Turn 3 lacks none and does not wait for them.
    assert records.turns["end_s"].tolist() == [1, 8, 8, 5.5]
    assert records.turns["hit_tokens"].tolist() == [0, 96, 96, 0]
    assert records.instances["loaded_blocks"] == 6


def test_who_lacks_more_sends_for_the_rest_when_it_is_there() -> None:
    build = WorkloadBuilder()
    system = build.segment(4)
    leaves = [build.segment(3, system), build.segment(5, system)]
    for arrival_s, leaf, prompt in ((0.0, 0, 100), (0.0, 1, 132), (4.0, 0, 100), (4.0, 1, 132)):
        build.program(arrival_s)
        build.turn(leaves[leaf], prompt, 1)
    records = run(build.build(), instance("mixed", failures=FAILURE), memory=DRAM)
    # Four blocks of the system prompt and two of its own come for turn 2 until 7; turn 3 waits for the system prompt,
    # and for four more blocks until 9.
    assert records.turns["end_s"].tolist() == [1, 2, 8, 10]
    assert records.instances["loaded_blocks"] == 10


def test_contexts_on_their_way_are_not_brought_up_ahead_of_use() -> None:
    build = WorkloadBuilder()
    leaf = build.segment(7)
    for arrival_s, segment in ((0.0, leaf), (3.5, build.segment(7)), (4.0, leaf), (4.0, leaf)):
        build.program(arrival_s)
        build.turn(segment, 100, 1)
    records = run(build.build(), instance("mixed", failures=FAILURE, seqs=1), memory=DRAM, prefetch="on_return")
    # While turn 1 runs until 4.5, six blocks are brought up for turn 2 until 7. Turn 3 waits for them.
    assert records.turns["end_s"].tolist() == [1, 4.5, 8, 9]
    assert records.instances["loaded_blocks"] == 6
    assert records.instances["prefetches"] == 1
