"""What goes down: copies, demotion, write-back through a staging buffer, and in which order links serve them."""

from agentsim_env.engine.blueprint import Tier
from agentsim_env.engine.core.state import CXL, DRAM, State
from agentsim_env.engine.loop import transfer_end
from agentsim_env.engine.residency.residency import deepest, depth_blocks, publish
from agentsim_env.engine.tiers.lower_pools import reach
from agentsim_env.engine.tiers.stores import demote, store, write_back
from tests.engine.hand_made import bound, state

BLOCK_BYTES = 16.0  # of the instances of `hand_made`
ROOT, LEAF = 0, 1

call_deepest, call_depth, call_publish, call_reach = map(bound, (deepest, depth_blocks, publish, reach))
call_demote, call_store, call_write_back = map(bound, (demote, store, write_back))
call_end = bound(transfer_end)


def made(
    segments: tuple[tuple[int, int], ...] = ((-1, 8), (0, 4)),
    dram_blocks: int = 100,
    staging_blocks: int = 100,
    watermark: float = 1.0,
    batch_share: float = 0.0,
) -> State:
    """Two tiers; a block takes 1 s down to DRAM, 2 s to CXL, 4 s from DRAM to CXL, and DRAM has a latency of 0.5 s."""
    tiers = [
        Tier("dram", dram_blocks, [0], BLOCK_BYTES, BLOCK_BYTES, 0.5, watermark=watermark, batch_share=batch_share),
        Tier("cxl", 100, [0], BLOCK_BYTES / 2, BLOCK_BYTES / 2, from_above_bytes_per_s=BLOCK_BYTES / 4),
    ]
    memory = {"tiers": tiers, "write_policy": "write_back", "staging_bytes": staging_blocks * BLOCK_BYTES}
    return state(segments, cluster=memory)


def with_context(dram_blocks: int = 100, staging_blocks: int = 100) -> State:
    """A context of 8 + 4 blocks is in HBM."""
    s = made(dram_blocks=dram_blocks, staging_blocks=staging_blocks)
    call_publish(s, LEAF, 0, 12)
    return s


def in_hbm(s: State) -> int:
    return int(call_depth(s, call_deepest(s, LEAF, 0)))


def below(s: State, level: int, first: int = 0) -> int:
    """Where the blocks end with which a tier goes on behind the first ones of the context."""
    return int(call_reach(s, LEAF, int(s.tier[0, level]["pool"]), first))


def end_next(s: State) -> float:
    """The next transfer ends; the time."""
    n = int(s.world["n_events"][0])
    times = [(float(event["time_s"]), int(event["key"]), at) for at, event in enumerate(s.event[:n])]
    time_s, key, at = min(times)
    s.event[at] = s.event[n - 1]
    s.world["n_events"] = n - 1
    s.world["now_s"] = time_s
    call_end(s, key & 0xFFFFFFFF)
    return time_s


def end_all(s: State) -> None:
    while s.world["n_events"][0]:
        end_next(s)


def give_up_tail(s: State, blocks: int) -> None:
    """What an eviction from the leaf does."""
    leaf = call_deepest(s, LEAF, 0)
    call_write_back(s, 0, leaf, blocks, DRAM)
    s.resident["blocks"][leaf] -= blocks
    s.pool["used"][0] -= blocks
    s.pool["idle"][0] -= blocks


def test_a_copy_takes_latency_and_bytes_over_bandwidth_and_can_be_read_then() -> None:
    s = with_context()
    call_store(s, 0, LEAF, 12)
    assert (below(s, DRAM), below(s, CXL)) == (0, 0)
    assert end_next(s) == 0.5 + 12 * 1.0
    assert (below(s, DRAM), below(s, CXL)) == (12, 0)
    assert end_next(s) == 12 * 2.0
    assert (below(s, DRAM), below(s, CXL)) == (12, 12)
    assert s.instance["stored_blocks"][0] == 24
    assert s.link["bytes"].tolist() == [12 * BLOCK_BYTES, 0, 12 * BLOCK_BYTES, 0, 0]


def test_what_is_demoted_leaves_hbm_when_its_copy_is_there() -> None:
    s = with_context()
    call_demote(s, 0, LEAF, 12, CXL)
    assert in_hbm(s) == 12
    end_next(s)
    assert (in_hbm(s), below(s, CXL), below(s, DRAM)) == (0, 12, 0)
    assert s.instance["demoted_blocks"][0] == 12
    assert s.pool["used"][0] == 0


def test_a_shared_parent_stays_when_its_child_is_demoted() -> None:
    s = made(((-1, 8), (0, 4), (0, 2)))
    call_publish(s, 1, 0, 12)
    call_publish(s, 2, 0, 10)
    call_demote(s, 0, 1, 12, DRAM)
    end_next(s)
    assert s.instance["demoted_blocks"][0] == 4
    assert s.pool["used"][0] == 10


def test_a_demotion_waits_behind_a_copy_that_is_on_its_way_and_moves_nothing_itself() -> None:
    s = with_context()
    call_store(s, 0, LEAF, 12)
    call_demote(s, 0, LEAF, 12, DRAM)
    assert end_next(s) == 12.5
    assert in_hbm(s) == 12
    assert end_next(s) == 12.5 + 0.5
    end_all(s)
    assert s.link["bytes"][0] == 12 * BLOCK_BYTES
    assert in_hbm(s) == 12  # the copy to CXL had it locked


def test_demoting_what_is_below_already_is_free() -> None:
    s = with_context()
    call_store(s, 0, LEAF, 12)
    end_all(s)
    call_demote(s, 0, LEAF, 12, DRAM)
    assert s.world["n_events"][0] == 0
    assert in_hbm(s) == 0


def test_a_tier_without_room_changes_nothing_above() -> None:
    s = with_context(dram_blocks=11)
    call_demote(s, 0, LEAF, 12, DRAM)
    assert s.world["n_events"][0] == 0
    assert in_hbm(s) == 12
    assert s.instance["lost_blocks"][0] == 12


def test_a_tail_that_is_written_back_goes_on_where_hbm_ends() -> None:
    s = with_context()
    give_up_tail(s, 3)
    assert s.pool["staged_blocks"][0] == 3
    assert below(s, DRAM, first=9) == 9
    assert end_next(s) == 3.5
    assert s.pool["staged_blocks"][0] == 0
    assert (below(s, DRAM, first=9), below(s, DRAM, first=8)) == (12, 8)


def test_tails_join_up_below() -> None:
    s = with_context()
    for _ in range(3):
        give_up_tail(s, 1)
    end_all(s)
    assert below(s, DRAM, first=9) == 12
    assert s.link["bytes"][0] == 3 * BLOCK_BYTES


def test_what_is_below_or_on_its_way_is_not_written_back_again() -> None:
    s = with_context()
    leaf = call_deepest(s, LEAF, 0)
    for _ in range(2):
        call_write_back(s, 0, leaf, 2, DRAM)
    end_next(s)
    call_write_back(s, 0, leaf, 2, DRAM)
    assert s.world["n_events"][0] == 0
    assert s.link["bytes"][0] == 2 * BLOCK_BYTES


def test_what_lies_between_two_tails_is_written_back_with_the_second() -> None:
    s = made(((-1, 2), (0, 20)))
    call_publish(s, LEAF, 0, 6)
    give_up_tail(s, 1)
    call_publish(s, LEAF, 0, 12)
    end_all(s)
    give_up_tail(s, 1)
    end_all(s)
    assert below(s, DRAM, first=5) == 12
    assert s.link["bytes"][0] == (1 + 6) * BLOCK_BYTES


def test_a_full_staging_buffer_loses_what_is_written_back() -> None:
    s = with_context(staging_blocks=2)
    give_up_tail(s, 3)
    assert s.world["n_events"][0] == 0
    assert s.instance["lost_blocks"][0] == 3


def test_without_a_free_record_nothing_is_sent() -> None:
    s = with_context()
    few = s._replace(transfer=s.transfer[:1].copy())
    call_store(few, 0, LEAF, 12)
    assert few.world["n_events"][0] == 1
    assert few.instance["lost_blocks"][0] == 12  # those for the second tier
    end_next(few)
    call_store(few, 0, LEAF, 12)
    assert few.world["n_events"][0] == 1


def test_what_dram_gives_up_goes_on_to_cxl() -> None:
    """The leaf of the first context (4 blocks) and the tail of its parent make room for the second one (6 blocks)."""
    s = made(((-1, 8), (0, 4), (-1, 6)), dram_blocks=12)
    call_publish(s, LEAF, 0, 12)
    call_store(s, 0, LEAF, 12)
    end_next(s)  # at 12.5 s in DRAM
    lost = s.link["bytes"][2]
    call_publish(s, 2, 0, 6)
    assert (lost, below(s, CXL)) == (0, 0)
    call_demote(s, 0, 2, 6, DRAM)
    # Its own copy to CXL is still on its way: nothing has to be sent again.
    end_all(s)
    assert below(s, DRAM) == 6
    assert below(s, CXL) == 12
    assert s.link["bytes"].tolist() == [18 * BLOCK_BYTES, 0, 12 * BLOCK_BYTES, 0, 0]


def test_a_cascade_sends_what_the_lower_tier_lacks() -> None:
    s = made(((-1, 8), (0, 4), (-1, 6)), dram_blocks=12)
    call_publish(s, LEAF, 0, 12)
    call_demote(s, 0, LEAF, 12, DRAM)
    end_all(s)
    call_publish(s, 2, 0, 6)
    call_demote(s, 0, 2, 6, DRAM)
    end_all(s)
    assert (below(s, DRAM), below(s, CXL, first=6)) == (6, 12)
    assert s.link["bytes"].tolist() == [18 * BLOCK_BYTES, 0, 0, 0, 6 * BLOCK_BYTES]


SIX_CONTEXTS = tuple((-1, 10) for _ in range(6))


def dram_holds(s: State) -> list[int]:
    """Blocks of each context that can be read in DRAM."""
    return [int(call_reach(s, leaf, int(s.tier[0, DRAM]["pool"]), 0)) for leaf in range(6)]


def test_a_pool_above_its_watermark_gives_up_a_batch_least_recently_used_first() -> None:
    """Of 60 blocks at most 48 may be in use: the fifth context has 20 % of the 40 in use go first."""
    s = made(SIX_CONTEXTS, dram_blocks=60, watermark=0.8, batch_share=0.2)
    for leaf in range(4):
        call_publish(s, leaf, 0, 10)
        call_store(s, 0, leaf, 10)
        end_all(s)
    assert dram_holds(s) == [10, 10, 10, 10, 0, 0]
    call_publish(s, 4, 0, 10)
    call_store(s, 0, 4, 10)  # 40 + 10 > 48: 8 blocks go
    end_all(s)
    assert dram_holds(s) == [2, 10, 10, 10, 10, 0]


def test_a_batch_is_at_least_as_large_as_what_is_short() -> None:
    s = made(SIX_CONTEXTS, dram_blocks=25, watermark=0.5, batch_share=0.1)
    for leaf in range(3):
        call_publish(s, leaf, 0, 10)
        call_store(s, 0, leaf, 10)
        end_all(s)
    assert dram_holds(s) == [5, 10, 10, 0, 0, 0]  # 1 went for the second context, and the 4 that the third one lacked
