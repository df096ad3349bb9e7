"""How instances of each mode share their time between prefills and decodes, by hand, on both simulators.

An iteration takes one second, so that times count iterations.
"""

from dataclasses import replace

import pytest

from agentsim_env.workload.programs import Programs
from tests.agreement.compare import agreed_records
from tests.agreement.scenario import Scenario
from tests.reference.building import WorkloadBuilder
from tests.reference.description import InstanceSpec, MemorySpec, TierSpec, constant_profile
from tests.reference.records import Records


def instance(mode: str, blocks: int = 100, seqs: int = 8, tokens: int = 512, **changes: object) -> InstanceSpec:
    spec = InstanceSpec(blocks, seqs, tokens, 10_000, constant_profile(overhead_s=1.0), mode=mode)
    return replace(spec, **changes)  # type: ignore[arg-type]


def independent(*shapes: tuple[float, int, int]) -> Programs:
    """Programs of one turn, nothing shared, from (arrival, prompt, output)."""
    build = WorkloadBuilder()
    for arrival_s, prompt, output in shapes:
        build.program(arrival_s)
        build.turn(build.segment(-(-(prompt + output) // 16)), prompt, output)
    return build.build()


def link(blocks_per_s: float, latency_s: float = 0.0) -> MemorySpec:
    """Links between instances, and no tiers."""
    peer = TierSpec("peer", 1, (0,), 0.0, blocks_per_s, latency_s)
    return MemorySpec((), 1.0, "none", 0, peer)


def run(programs: Programs, *specs: InstanceSpec, memory: MemorySpec | None = None, **rules: str) -> Records:
    """The records, on which both simulators agree."""
    return agreed_records(Scenario(programs, list(specs), memory=memory, **rules))  # type: ignore[arg-type]


def test_a_whole_prompt_stops_the_decodes() -> None:
    programs = independent((0.0, 10, 5), (1.5, 100, 1))
    records = run(programs, instance("prefill_first", tokens=40))
    # Tokens of turn 0 at 1 and 2; all of turn 1, above the budget, from 2 to 3; the others of turn 0 at 4, 5 and 6.
    assert records.turns["end_s"].tolist() == [6, 3]
    assert records.instances["iterations"] == 6
    # In chunks of 39, 39 and 22 tokens turn 1 keeps turn 0 from nothing, and takes longer itself.
    assert run(programs, instance("mixed", tokens=40)).turns["end_s"].tolist() == [5, 5]


def test_prompts_share_an_iteration_as_far_as_the_budget_goes() -> None:
    records = run(independent((0.0, 30, 2), (0.0, 30, 2), (0.0, 30, 2)), instance("prefill_first", tokens=64))
    # Turn 0 goes alone: it was the first to be routed to an idle instance, the others joined the queue behind it.
    assert records.turns["first_token_s"].tolist() == [1, 2, 2]
    # All decode together when nobody waits.
    assert records.turns["end_s"].tolist() == [3, 3, 3]


def test_a_prompt_that_does_not_fit_the_budget_keeps_the_others_waiting() -> None:
    shapes = ((0.0, 10, 1), (0.5, 30, 1), (0.5, 50, 1), (0.5, 10, 1))
    records = run(independent(*shapes), instance("prefill_first", tokens=64))
    assert records.turns["first_token_s"].tolist() == [1, 2, 3, 3]


def test_decodes_count_for_the_places_in_the_batch() -> None:
    records = run(independent((0.0, 10, 3), (0.5, 10, 1), (0.5, 10, 1)), instance("prefill_first", seqs=2))
    # Turn 1 from 1 to 2; turn 2 finds the place that it leaves; turn 0 decodes from 3 on.
    assert records.turns["end_s"].tolist() == [5, 2, 3]


def test_a_preempted_turn_is_prefilled_whole_when_there_is_room() -> None:
    records = run(independent((0.0, 32, 20), (0.5, 32, 20)), instance("prefill_first", blocks=5))
    # Turn 0 until 1, turn 1 until 2. Both decodes begin a block and one is free: turn 1 leaves two blocks as cache.
    # The next time that turn 0 begins a block, at 18, one of these goes. It ends at 21: 33 tokens of turn 1, 16 found.
    assert records.turns["preemptions"].tolist() == [0, 1]
    assert records.turns["end_s"].tolist() == [21, 40]
    assert records.turns["hit_tokens"].tolist() == [0, 0]
    assert records.turns["readmission_hit_tokens"].tolist() == [0, 16]
    assert records.turns["computed_tokens"].tolist() == [32, 32 + 17]


def test_a_failure_takes_no_token_from_decodes_that_stood_still() -> None:
    down = instance("prefill_first", failures=((1.75, 1.25),))
    records = run(independent((0.0, 10, 3), (0.5, 10, 1)), down)
    # Turn 0 has its first token at 1, then turn 1 is prefilled and lost. From 3 on turn 0 is prefilled, with the token
    # that it had, then turn 1, whose only token is out at 5, then turn 0 decodes its third.
    assert records.instances["generated_tokens"] == 4
    assert records.turns["end_s"].tolist() == [6, 5]


# Prefill and decode apart. Without a link the decode instance computes again what it does not find.


def test_a_turn_is_handed_over_after_its_first_token() -> None:
    records = run(independent((0.0, 100, 4), (0.0, 20, 1)), instance("prefill", tokens=64), instance("decode"))
    # Turn 0 in chunks of 64 and 36 tokens until 2; beside the second one all of turn 1, which ends there with its only
    # token. 101 tokens on the other instance until 3, then two decodes.
    assert records.turns["first_token_s"].tolist() == [2, 2]
    assert records.turns["end_s"].tolist() == [5, 2]
    assert records.turns["instance"].tolist() == [1, 0]
    assert records.turns["routed_s"].tolist() == [2, 0]
    assert records.turns["scheduled_s"].tolist() == [0, 1]
    assert records.decisions == 3
    # Without a link nothing is found there, and hits and computed tokens tell.
    assert records.turns["hit_tokens"].tolist() == [0, 0]
    assert records.turns["computed_tokens"].tolist() == [201, 20]
    assert records.instances["generated_tokens"].tolist() == [2, 3]


def chain(*lengths: tuple[int, int], gap_s: float = 1.0) -> Programs:
    """A program of turns on one path, from (new tokens, output)."""
    build = WorkloadBuilder()
    build.program()
    leaf = build.segment(-(-sum(new + output for new, output in lengths) // 16))
    prompt = 0
    for i, (new, output) in enumerate(lengths):
        turn = build.turn(leaf, prompt + new, output, new)
        prompt += new + output
        if i:
            build.edge(turn - 1, turn, gap_s)
    return build.build()


def test_each_half_of_a_turn_has_its_own_instances() -> None:
    pools = [instance("prefill"), instance("decode"), instance("prefill"), instance("decode")]
    records = run(independent(*[(float(k), 20, 3) for k in range(4)]), *pools, rule="round_robin")
    # The prefills go to 0, 2, 0, 2 and the decodes to 1, 3, 1, 3.
    assert records.turns["instance"].tolist() == [1, 3, 1, 3]
    assert records.instances["prefill_tokens"].tolist() == [40, 42, 40, 42]


def test_the_home_is_where_a_program_was_prefilled() -> None:
    pools = [instance("prefill"), instance("prefill"), instance("decode")]
    records = run(chain((40, 3), (10, 3)), *pools, rule="session_affinity")
    # The second turn finds two blocks of the first one's prompt there, none of what was generated elsewhere.
    assert records.turns["hit_tokens"].tolist() == [0, 32]
    assert records.instances["prefill_tokens"].tolist() == [40 + 21, 0, 41 + 22]


def test_what_is_kept_is_let_go_when_the_turn_is_admitted() -> None:
    # The second prompt needs the blocks that are kept for the first turn, while the decode instance is not up.
    pools = [instance("prefill", blocks=6), instance("decode", start_s=5.0)]
    records = run(independent((0.0, 64, 2), (0.5, 64, 2)), *pools)
    assert records.turns["scheduled_s"].tolist() == [0, 5]
    assert records.turns["first_token_s"].tolist() == [1, 6]
    assert records.turns["end_s"].tolist() == [6, 7]


def test_when_a_decode_instance_fails_its_turns_start_again() -> None:
    pools = [instance("prefill"), instance("decode", failures=((2.5, 1.0),))]
    records = run(independent((0.0, 32, 4)), *pools)
    # Tokens at 1 (prefill) and 2; the third, due at 3, is lost at 2.5. 34 tokens until 3.5, of which the prefill
    # instance has 32: the third token. The fourth on the decode instance, which is back at this very time.
    assert records.turns["preemptions"].tolist() == [1]
    assert records.turns["end_s"].tolist() == [4.5]
    assert records.turns["hit_tokens"].tolist() == [0]
    assert records.turns["readmission_hit_tokens"].tolist() == [32]


def test_when_a_prefill_instance_fails_what_it_kept_starts_again() -> None:
    pools = [instance("prefill", failures=((2.0, 1.0),)), instance("decode", start_s=2.5)]
    records = run(independent((0.0, 32, 2)), *pools)
    # Prefilled until 1 and parked; from 3 to 4 again, with the token that it has: that was the last.
    assert records.turns["first_token_s"].tolist() == [1]
    assert records.turns["end_s"].tolist() == [4]
    assert records.turns["computed_tokens"].tolist() == [32 + 33]


# With a link.

PAIR = (instance("prefill"), instance("decode"))


def test_the_kv_of_a_turn_is_moved_and_the_block_begun_computed_again() -> None:
    records = run(independent((0.0, 100, 4)), *PAIR, memory=link(4.0, latency_s=0.5))
    # The first token at 1; six whole blocks until 3; 101 - 96 tokens until 4, and two decodes.
    assert records.turns["first_token_s"].tolist() == [1]
    assert records.turns["end_s"].tolist() == [6]
    assert records.turns["hit_tokens"].tolist() == [0]
    assert records.turns["computed_tokens"].tolist() == [100 + 5]
    assert records.instances["migrated_blocks"].tolist() == [0, 6]


def test_what_is_moved_is_kept_until_it_has_arrived() -> None:
    pools = instance("prefill", blocks=8), instance("decode")
    records = run(independent((0.0, 100, 4), (0.5, 100, 1)), *pools, memory=link(4.0, latency_s=0.5))
    # Two blocks are free until 3.
    assert records.turns["scheduled_s"].tolist() == [0, 3]


def test_a_turn_whose_kv_is_on_its_way_keeps_nobody_waiting() -> None:
    records = run(independent((0.0, 100, 2), (0.5, 15, 2)), *PAIR, memory=link(4.0, latency_s=2.5))
    # Turn 1 has no whole block: it decodes from 2 on, before turn 0, whose six blocks come at 5.
    assert records.turns["end_s"].tolist() == [6, 3]


def test_what_was_generated_comes_back_for_the_next_turn() -> None:
    records = run(chain((40, 30), (10, 3)), *PAIR, memory=link(1e9))
    # 69 tokens on the decode instance are four blocks; the prefill instance has two of them.
    assert records.turns["hit_tokens"].tolist() == [0, 64]
    assert records.instances["migrated_blocks"].tolist() == [2, 2 + 1]


def test_a_prefill_instance_fails_while_its_kv_is_moved() -> None:
    pools = instance("prefill", failures=((2.0, 1.0),)), instance("decode")
    records = run(independent((0.0, 100, 4)), *pools, memory=link(4.0, latency_s=0.5))
    # From 3 to 4 101 tokens, the second token; six blocks until 6; 6 tokens until 7, and a decode.
    assert records.turns["end_s"].tolist() == [8]
    assert records.turns["preemptions"].tolist() == [0]
    assert records.turns["computed_tokens"].tolist() == [100 + 101 + 6]


def test_what_was_on_its_way_is_charged_until_it_is_lost() -> None:
    build = WorkloadBuilder()
    leaf = build.segment(7)
    for arrival_s, output in ((0.0, 1), (2.0, 4)):
        build.program(arrival_s)
        build.turn(leaf, 100, output)
    dram = TierSpec("dram", 100, (0, 0), float("inf"), 2.0, 0.0)
    memory = MemorySpec((dram,), 1.0, "write_through", 0)
    records = run(build.build(), instance("prefill", failures=((4.0, 1.0),)), instance("decode"), memory=memory)
    # Turn 0 leaves six blocks at 1, in HBM and in DRAM. Turn 1 has its first token at 3 and is handed over; six blocks
    # are reserved for what DRAM has. At 4 the prefill instance fails, which still kept its blocks, and turn 1 starts
    # again: loaded from 5 to 8, prefilled until 9, loaded to the decode instance until 12. There it has its third token
    # at 13 and its fourth at 14, in seven blocks.
    assert records.turns["end_s"].tolist() == [1, 14]
    decodes = records.instances[1]
    assert decodes["moving_block_s"] == pytest.approx(6 * 1 + 6 * 3)
    assert decodes["prefill_block_s"] + decodes["recompute_block_s"] == pytest.approx(7)
    assert decodes["decode_block_s"] == pytest.approx(7)


@pytest.mark.parametrize(("fails", "ends"), [(0, [1, 12, 11]), (1, [1, 14, 15])])
def test_one_of_two_turns_that_wait_for_the_same_blocks_starts_again(fails: int, ends: list[float]) -> None:
    build = WorkloadBuilder()
    leaf = build.segment(7)
    for arrival_s, output in ((0.0, 1), (2.0, 4), (5.5, 4)):
        build.program(arrival_s)
        build.turn(leaf, 100, output)
    dram = TierSpec("dram", 100, (0, 0, 0), float("inf"), 2.0, 0.0)
    pools = [instance("prefill"), instance("prefill"), instance("decode")]
    pools[fails] = replace(pools[fails], failures=((7.0, 20.0),))
    records = run(build.build(), *pools, memory=MemorySpec((dram,), 1.0, "write_through", 0), rule="round_robin")
    # Turn 0 leaves six blocks on instance 0 and in DRAM. Turn 1, loaded to instance 1 from 2 to 5, is handed over at 6,
    # turn 2 at 6.5: both wait for six blocks that come for turn 1 until 9. At 7 one starts again on the other prefill
    # instance, has its second token at 8 and waits again. That may be turn 2: both join at 9. If it is turn 1, what is
    # on the link has no effect, and the blocks come for turn 2 from 9 to 12.
    assert records.turns["end_s"].tolist() == ends
    assert records.instances["loaded_blocks"].tolist() == [0, 6, 6]


def test_a_decode_instance_fails_while_kv_is_moved_to_it() -> None:
    pools = instance("prefill"), instance("decode", failures=((2.0, 0.5),))
    records = run(independent((0.0, 100, 4)), *pools, memory=link(4.0, latency_s=0.5))
    # From 2 to 3 the five tokens of the block begun, the second token; what was on the link is off it at 3. Six blocks
    # until 5, 6 tokens until 6, and a decode.
    assert records.turns["end_s"].tolist() == [7]
    assert records.turns["hit_tokens"].tolist() == [0]
    assert records.turns["readmission_hit_tokens"].tolist() == [96]


def test_prefills_do_not_disturb_decodes_that_are_apart() -> None:
    # A token takes a millisecond: a chunk beside decodes costs them up to half a second a token.
    linear = replace(constant_profile(), dense_tokens=(1.0, 2.0), dense_s=(0.001, 0.002))
    shapes = [(0.27 * k, 480, 100) for k in range(8)]

    def slowest_s(first: str, second: str) -> float:
        specs = [instance(mode, profile=linear) for mode in (first, second)]
        turns = run(independent(*shapes), *specs, memory=link(float("inf"))).turns
        return float(((turns["end_s"] - turns["first_token_s"]) / 99).max())

    # Apart, a turn decodes alone, and the prompt ends with a block, so that one token is computed again. Together, one
    # of the iterations of a turn holds the prompt of another: (0.1 + 0.48) / 99.
    assert slowest_s("prefill", "decode") == pytest.approx(0.001)
    assert slowest_s("mixed", "mixed") > 0.005
