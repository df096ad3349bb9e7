"""KV residency and preemption of the reference simulator, by hand; an iteration takes one second."""

from agentsim_env.workload.programs import Programs
from tests.reference.building import WorkloadBuilder
from tests.reference.programs.turn import Turn
from tests.reference.residency.pool import KVPool
from tests.reference.residency.segments import PathSegment
from tests.reference.rules import Rules
from tests.reference.test_reference import independent, instance, run
from tests.reference.world import World

A, B, C = PathSegment(0, 0, 2), PathSegment(1, 2, 4), PathSegment(2, 2, 4)


def held(pool: KVPool, path: tuple[PathSegment, ...], blocks: int) -> list[int]:
    """Lock and publish the first `blocks` blocks of `path`; the lock."""
    lock: list[int] = []
    pool.lock(path, lock, blocks)
    pool.publish(path, blocks)
    return lock


def test_children_are_evicted_before_their_parent_and_from_the_tail() -> None:
    pool = KVPool(10)
    first, second = held(pool, (A, B), 5), held(pool, (A, C), 6)
    assert (pool.free, pool.locked, pool.resident) == (1, 9, {0: 2, 1: 3, 2: 4})
    pool.release(second)
    assert pool.released == [2]  # its parent is still locked
    pool.release(first)
    assert pool.released == [2, 1, 0]
    pool.make_room(7)
    assert (pool.released, pool.resident, pool.evicted_blocks) == ([1, 0], {0: 2, 1: 1}, 6)
    assert pool.match((A, B), 10) == 3
    assert pool.match((A, C), 10) == 2
    assert pool.idle_on((A, B), 2) == 2


def test_a_lock_takes_segments_out_of_the_list() -> None:
    pool = KVPool(10)
    pool.release(held(pool, (A, B), 4))
    pool.release(held(pool, (A, C), 3))
    assert pool.released == [1, 2, 0]
    lock: list[int] = []
    pool.lock((A, B), lock, 3)
    assert (pool.released, lock, pool.available) == ([2], [0, 1], 6)
    pool.release(lock)
    assert pool.released == [2, 1, 0]


def shared(prompts: list[int], system_blocks: int = 4, gap_s: float = 10.0) -> Programs:
    """Programs of one turn each behind one system segment, `gap_s` apart, one output token."""
    build = WorkloadBuilder()
    system = build.segment(system_blocks)
    for i, prompt in enumerate(prompts):
        build.program(i * gap_s)
        build.turn(build.segment(-(-(prompt + 1) // 16) - system_blocks, system), prompt, 1)
    return build.build()


def test_shared_segment_is_a_hit() -> None:
    records = run(shared([100, 100]))
    assert records.turns["hit_tokens"].tolist() == [0, 64]
    assert records.turns["computed_tokens"].tolist() == [100, 36]


def test_turns_in_one_iteration_share_what_it_publishes() -> None:
    build = WorkloadBuilder()
    system = build.segment(4)
    build.program()
    build.turn(build.segment(1), 10, 1)
    for _ in range(2):
        build.program()
        build.turn(build.segment(3, system), 100, 1)
    records = run(build.build())
    assert records.turns["scheduled_s"].tolist() == [0, 1, 1]
    assert records.turns["hit_tokens"].tolist() == [0, 0, 64]


def test_a_full_hit_computes_its_last_block() -> None:
    build = WorkloadBuilder()
    leaf = build.segment(5)
    for i in range(2):
        build.program(10.0 * i)
        build.turn(leaf, 64, 1)
    records = run(build.build(), instance(blocks=5, tokens=10))
    # 16 of 64 tokens in chunks of 10 and 6, in the block that is there already.
    assert records.turns["hit_tokens"].tolist() == [0, 48]
    assert records.turns["end_s"].tolist() == [7, 12]
    assert records.instances["peak_blocks"] == 4


def test_a_turn_locks_its_match_though_it_computes_the_last_block() -> None:
    engine = World(independent((0.0, 1, 1)), [instance(blocks=6, tokens=10)], Rules()).instances[0]
    engine.pool.release(held(engine.pool, (PathSegment(0, 0, 3), PathSegment(1, 3, 2)), 4))
    turn = Turn(id=0, program=0, path=(PathSegment(0, 0, 3), PathSegment(1, 3, 2)), prompt=64, output=1, target=64)
    engine.waiting.append(turn)
    engine.form()
    # Ten of the 16 tokens in the last block, which the path has: it is locked and nothing is owned.
    assert (turn.computed, turn.hit_tokens, turn.owned, turn.locked) == (58, 48, 0, [0, 1])
    assert (engine.pool.free, engine.pool.idle, engine.pool.locked) == (2, 0, 4)


def test_least_recently_released_goes_first() -> None:
    # Four blocks each, of which three are whole and stay; room for eight.
    build = WorkloadBuilder()
    leaves = [build.segment(4) for _ in range(3)]
    for i, leaf in enumerate([0, 1, 2, 0, 2]):
        build.program(10.0 * i)
        build.turn(leaves[leaf], 63, 1)
    records = run(build.build(), instance(blocks=8))
    # Turn 2 needs 4 and finds 2 free: leaf 0 is left with 1 block. Turn 3 finds it and takes 2 of leaf 1 besides.
    assert records.turns["hit_tokens"].tolist() == [0, 0, 0, 16, 48]
    assert records.instances["evicted_blocks"].tolist() == [2 + 2]


def test_waiting_turn_needs_room_for_its_whole_prompt() -> None:
    records = run(independent((0.0, 60, 4), (0.0, 80, 1)), instance(blocks=8, tokens=32))
    # Turn 0 holds 4 blocks until 5 (two prefills, three decodes): 5 more do not fit, though 2 would do for now.
    assert records.turns["scheduled_s"].tolist() == [0, 5]


def test_preemption_by_recompute() -> None:
    records = run(independent((0.0, 30, 20), (0.0, 30, 20)), instance(blocks=5))
    # Turn 0 from 0, turn 1 from 1. With KV of 32 tokens turn 0 takes a third block at 3, turn 1 would at 4: it has
    # 3 tokens then, publishes 2 blocks and goes. Those are idle; turn 0 ends at 20 without needing them (50 tokens
    # minus one in 4 blocks: its fourth, at 19, takes the idle tail).
    first, second = records.turns
    assert (first["end_s"], first["preemptions"]) == (20, 0)
    assert (second["first_token_s"], second["preemptions"]) == (2, 1)
    # One block of hits is left of the 33 tokens; the 17 others give token 4 at 21, the last one comes at 37.
    assert (second["hit_tokens"], second["computed_tokens"], second["end_s"]) == (0, 30 + 17, 37)
    assert (second["readmission_hit_tokens"], second["readmission_lookup_tokens"]) == (16, 33)


def test_a_preempted_step_admits_nobody() -> None:
    programs = independent((0.0, 30, 20), (0.0, 30, 20), (3.5, 10, 1))
    records = run(programs, instance(blocks=5))
    # Turn 1 is preempted at 4 and goes before turn 2, which would fit at 4; turn 1 does not fit until 20.
    assert records.turns["scheduled_s"].tolist() == [0, 1, 20]


def test_a_prefill_jumps_to_what_another_turn_has_left() -> None:
    build = WorkloadBuilder()
    leaf = build.segment(20)
    build.program()
    build.turn(leaf, 32, 33)
    build.program(38.5)
    build.turn(leaf, 100, 1)
    records = run(build.build(), instance(tokens=3, seqs=2))
    # Turn 0 prefills until 11, decodes until 43 and leaves 4 blocks. Turn 1 begins at 39 with 2 of them and computes 2
    # tokens an iteration: 40 at 43. It jumps to 64, and computes the other 36 alone, 3 an iteration.
    assert records.turns["hit_tokens"].tolist() == [0, 32 + 24]
    assert records.turns["computed_tokens"].tolist() == [32, 8 + 36]
    assert records.turns["end_s"].tolist() == [43, 55]


def test_a_turn_that_preempts_itself_goes_on_at_once() -> None:
    build = WorkloadBuilder()
    leaf = build.segment(8)
    build.program()
    build.turn(leaf, 127, 1)
    build.program(10.0)
    build.turn(leaf, 40, 60)
    records = run(build.build(), instance(blocks=8))
    # 7 blocks of the leaf are resident. Turn 1 locks them all for its 2, and one of its own fills the pool: it preempts
    # itself with KV of 48, 64, 80 and 96 tokens and finds them again: one token is computed in the same iteration.
    assert records.turns["preemptions"].tolist() == [0, 4]
    assert records.turns["hit_tokens"][1] == 32
    assert records.turns["readmission_hit_tokens"][1] == 48 + 64 + 80 + 96
    assert records.turns["readmission_lookup_tokens"][1] == 49 + 65 + 81 + 97
    assert records.turns["computed_tokens"][1] == 8 + 4
    assert records.turns["end_s"][1] == 10 + 60
