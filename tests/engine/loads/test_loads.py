"""What turns that lack blocks send for, and what gives way to it, by hand.

On both simulators an iteration takes one second.
"""

import pytest

from agentsim_env.engine.blueprint import Blueprint, Tier, new_state
from agentsim_env.engine.core.decisions import ENDED, EVICT_KV, TARGETS
from agentsim_env.engine.entry import Core
from tests.engine.hand_made import engine
from tests.engine.iteration.test_modes import instance, run
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


def candidates(core: Core) -> list[int]:
    """Segments that may go for the pending question."""
    state = core.state
    return state.resident["segment"][state.candidate[: state.world["n_candidates"][0]]].tolist()


@pytest.mark.parametrize("prefetch", ["none", "oracle_return"])
def test_an_agent_chooses_what_gives_way_to_what_is_brought_up(prefetch: str) -> None:
    """Of eight blocks A, B and C take three each; A is back 11 s after its first turn, and loads in 0.8 s."""
    work = WorkloadBuilder()
    a, b, c = (work.segment(4) for _ in range(3))
    for arrival_s, leaf in ((0.0, a), (1.0, b), (2.0, c)):
        work.program(arrival_s)
        first = work.turn(leaf, 50, 1)
        if leaf == a:
            work.edge(first, work.turn(leaf, 60, 1), gap_s=11.0)
    blueprint = Blueprint(
        [engine(kv_blocks=8)],
        tiers=[Tier("dram", 100, [0], float("inf"), 10 * 16.0, latency_s=0.5)],
        eviction="objects",
        rules={"prefetch_kv": prefetch},
        agent_kinds=("evict_kv",),
    )
    core = Core(new_state(blueprint, work.build()))
    assert core.advance() == EVICT_KV
    assert (core.state.world["now_s"][0], candidates(core)) == (2.0, [a, b])
    assert core.advance(TARGETS * candidates(core).index(a)) == EVICT_KV
    # Room for A: the rule would take B.
    assert candidates(core) == [b, c]
    assert (core.state.world["now_s"][0] < 11.0) == (prefetch != "none")
    assert core.advance(TARGETS * candidates(core).index(c)) == ENDED
    held = core.state.resident[(core.state.resident["pool"] == 0) & (core.state.resident["blocks"] > 0)]
    assert sorted(held["segment"]) == [a, b]
    assert core.state.instance["loaded_blocks"][0] == 3
