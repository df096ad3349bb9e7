"""An instance that schedules an iteration ahead, by hand, on both simulators.

An iteration takes one second, so that times count iterations: number `k` lasts from `k - 1` to `k` seconds.
"""

from dataclasses import replace

import pytest

from agentsim_env.workload.programs import Programs
from tests.agreement.compare import agreed_records
from tests.agreement.scenario import Scenario
from tests.engine.iteration.test_modes import independent, instance, link
from tests.reference.building import WorkloadBuilder
from tests.reference.description import InstanceSpec, MemorySpec
from tests.reference.records import Records


def run(programs: Programs, *specs: InstanceSpec, ahead: bool = True, memory: MemorySpec | None = None) -> Records:
    """The records, on which both simulators agree, with `async_scheduling` or without."""
    return agreed_records(Scenario(programs, [replace(spec, async_scheduling=ahead) for spec in specs], memory=memory))


def first_tokens(programs: Programs, *specs: InstanceSpec, ahead: bool = True) -> list[float]:
    return run(programs, *specs, ahead=ahead).turns["first_token_s"].tolist()


@pytest.mark.parametrize("mode", ["mixed", "prefill_first"])
def test_a_turn_that_joins_a_batch_has_its_first_token_one_iteration_later(mode: str) -> None:
    # Turn 1 arrives in iteration 2: it is considered when 3 is formed, at 2, and computed in 4.
    programs = independent((0.0, 10, 6), (1.5, 10, 2))
    assert run(programs, instance(mode)).turns["scheduled_s"].tolist() == [0, 2]
    assert first_tokens(programs, instance(mode)) == [1, 4]
    assert first_tokens(programs, instance(mode), ahead=False) == [1, 3]


@pytest.mark.parametrize("mode", ["mixed", "prefill_first"])
def test_an_idle_instance_begins_at_once(mode: str) -> None:
    # Turn 1 waits for the end of turn 0, after which nothing is in flight; turn 2 comes when nobody is there.
    assert first_tokens(independent((0.0, 10, 3), (2.5, 10, 2), (7.5, 10, 1)), instance(mode)) == [1, 4, 8.5]


def test_what_an_idle_instance_cannot_take_at_once_follows_without_a_break() -> None:
    # All five wait when the instance comes up. Turns 0 and 1 fill iteration 1; 2 and 3 join for 2 while it is formed.
    up = instance("prefill_first", tokens=20, start_s=1.0)
    assert first_tokens(independent(*[(0.5, 10, 1)] * 5), up) == [2, 3, 3, 4, 4]


@pytest.mark.parametrize("mode", ["mixed", "prefill_first"])
def test_a_place_is_taken_two_iterations_after_that_in_which_it_was_left(mode: str) -> None:
    turns = run(independent((0.0, 10, 9), (0.0, 10, 1), (0.5, 10, 1)), instance(mode, seqs=2)).turns
    # Turn 1 joins at 1 and is computed in iteration 3. At 3 turn 2 takes its place, for iteration 5.
    assert turns["end_s"][1:].tolist() == [3, 5]
    assert turns["scheduled_s"].tolist() == [0, 1, 3]


def test_blocks_of_a_turn_that_ends_go_to_one_that_is_computed_two_iterations_later() -> None:
    # Turn 0 has two of five blocks until 4, and turn 1 the others until 9; turn 2 takes two and joins for iteration 6.
    programs = independent((0.0, 16, 4), (0.5, 32, 9), (0.5, 32, 1))
    assert first_tokens(programs, instance("mixed", blocks=5)) == [1, 3, 6]
    assert first_tokens(programs, instance("mixed", blocks=5), ahead=False) == [1, 2, 5]


def test_a_turn_that_will_have_ended_counts_in_the_budget() -> None:
    # At 1 turn 0 takes its last token. It counts in iteration 3, too, of which turn 1 gets 3 of 4 tokens: 3 + 4 + 1.
    programs = independent((0.0, 2, 2), (0.5, 8, 1))
    assert first_tokens(programs, instance("mixed", seqs=4, tokens=4)) == [1, 5]
    # At once 3 beside the token of turn 0, and then the whole budget.
    assert first_tokens(programs, instance("mixed", seqs=4, tokens=4), ahead=False) == [1, 4]


def test_room_beside_the_last_chunk_is_given_an_iteration_ahead() -> None:
    # Chunks of 20, 20, 20, 20 and 10 tokens. When iteration 4 is formed it is known that 5 will have room for turn 1.
    records = run(independent((0.0, 90, 1), (0.5, 10, 1)), instance("mixed", tokens=20))
    assert records.turns["scheduled_s"].tolist() == [0, 3]
    assert records.turns["end_s"].tolist() == [5, 5]
    # Of five whole chunks the last leaves no room.
    assert first_tokens(independent((0.0, 100, 1), (0.5, 10, 1)), instance("mixed", tokens=20)) == [5, 6]


def test_turns_that_join_for_one_iteration_share_what_they_begin_with() -> None:
    build = WorkloadBuilder()
    shared = build.segment(4)
    for arrival_s in (0.0, 0.5, 0.5):
        build.program(arrival_s)
        build.turn(build.segment(2, shared if arrival_s else -1), 20 if arrival_s == 0.0 else 80, 5)
    records = run(build.build(), instance("mixed"))
    assert records.turns["first_token_s"].tolist() == [1, 3, 3]
    assert records.turns["hit_tokens"].tolist() == [0, 0, 64]


def test_blocks_that_the_batch_needs_in_the_next_iteration_are_kept_for_it() -> None:
    # Turn 1 would need three of five blocks. Three are free at 1, but turn 0 begins its third in iteration 3.
    programs = independent((0.0, 31, 20), (0.5, 48, 1))
    later = run(programs, instance("mixed", blocks=5))
    assert later.turns["preemptions"].tolist() == [0, 0]
    assert later.turns["end_s"].tolist() == [20, 21]
    # Without looking ahead it joins at 1, and is computed before turn 0 lacks a block.
    assert first_tokens(programs, instance("mixed", blocks=5), ahead=False) == [1, 2]


def test_the_rest_of_a_prefill_is_kept_for_it() -> None:
    # Chunks of 20, 20 and 10 tokens, four blocks. Turn 1, of one block, joins at 1 if there are five; not if four.
    programs = independent((0.0, 50, 1), (0.5, 10, 1))
    assert first_tokens(programs, instance("mixed", tokens=20, blocks=5)) == [3, 3]
    assert first_tokens(programs, instance("mixed", tokens=20, blocks=4)) == [3, 4]


def test_what_was_scheduled_ahead_is_lost_with_the_instance_and_counts_as_computed() -> None:
    # Turn 1 has joined at 1 for iteration 3, in which the instance would be at 2.
    down = instance("mixed", failures=((1.5, 1.5),))
    records = run(independent((0.0, 10, 3), (0.5, 20, 1)), down)
    assert records.turns["preemptions"].tolist() == [1, 1]
    assert records.turns["computed_tokens"].tolist() == [10 + 11, 20 + 20]
    # Turn 0 is sent there first, at 3, and has its second token at 4. Turn 1 joins then.
    assert records.turns["end_s"].tolist() == [5, 6]


def test_pools_for_prefills_and_decodes_schedule_ahead_each_for_itself() -> None:
    pools = instance("prefill", tokens=16), instance("decode")
    turns = run(independent((0.0, 32, 4), (0.5, 16, 4)), *pools, memory=link(1e9)).turns
    # At 1 turn 0 has the last of its prefill before it, all of the budget. It counts for one token when iteration 2 is
    # formed, so that turn 1 has 15 tokens in 3 and one in 4.
    assert turns["scheduled_s"].tolist() == [0, 1]
    assert turns["first_token_s"].tolist() == [2, 4]
    # Turn 0 decodes in three iterations from 2 on. Turn 1 arrives in its last one, after which nothing runs there.
    assert turns["end_s"].tolist() == pytest.approx([5, 8])
