"""Which blocks an instance holds: hits, locks, eviction.

The forest of these tests:

    0 (4 blocks) -+- 1 (3) -+- 3 (5)
                  |         +- 4 (2)
                  +- 2 (6)
    5 (10)
"""

from collections.abc import Iterator

import numpy as np
import pytest

from agentsim_env.engine.core.state import NONE, State
from agentsim_env.engine.eviction import room
from agentsim_env.engine.residency import residency
from tests.engine.hand_made import bound, state

available_blocks = bound(residency.available_blocks)
deepest = bound(residency.deepest)
depth_blocks = bound(residency.depth_blocks)
drop_all = bound(residency.drop_all)
evict = bound(room.make_room)
find = bound(residency.find)
first_locked = bound(residency.first_locked)
hits = bound(residency.hits)
idle_on_path = bound(residency.idle_on_path)
lock = bound(residency.lock)
publish = bound(residency.publish)
remember = bound(residency.remember)
unlock = bound(residency.unlock)

FOREST = ((-1, 4), (0, 3), (0, 6), (1, 5), (1, 2), (-1, 10))
START = (0, 4, 4, 7, 7, 0)


@pytest.fixture
def made() -> State:
    """Two empty pools of 20 blocks."""
    return state(FOREST, n_instances=2, kv_blocks=20, cluster={"agent_kinds": ["route_turn"]})


def hold(made: State, leaf: int, blocks: int, pool: int = 0) -> int:
    """Publish blocks of a path as a turn does that leaves at once; the deepest record of these blocks."""
    found = deepest(made, leaf, pool)
    lock(made, found)
    evict(made, pool, max(0, blocks - hit(made, leaf, pool)))
    lowest = int(publish(made, leaf, pool, blocks))
    lock(made, lowest)
    unlock(made, found)
    unlock(made, lowest)
    return lowest


def hit(made: State, leaf: int, pool: int = 0) -> int:
    return int(depth_blocks(made, deepest(made, leaf, pool)))


def records_of(made: State, pool: int) -> dict[int, int]:
    """Record of each segment that a pool holds."""
    found: dict[int, int] = {}
    for segment in range(len(FOREST)):
        r, before = int(made.holder[segment]), NONE
        while r != NONE:
            assert made.resident["segment"][r] == segment
            assert made.resident["previous_holder"][r] == before
            if made.resident["pool"][r] == pool:
                assert segment not in found
                found[segment] = r
            before, r = r, int(made.resident["next_holder"][r])
    return found


def held(made: State, pool: int = 0) -> dict[int, int]:
    """Resident blocks by segment."""
    return {segment: int(made.resident["blocks"][r]) for segment, r in records_of(made, pool).items()}


def idle_list(made: State, pool: int = 0) -> Iterator[int]:
    """Records that nobody locks, least recently released first."""
    r = int(made.pool["oldest"][pool])
    before = NONE
    while r != NONE:
        assert made.resident["older"][r] == before
        yield r
        before, r = r, int(made.resident["newer"][r])
    assert made.pool["newest"][pool] == before


def check(made: State, pool: int = 0) -> None:
    """Everything that must hold in a pool at any time."""
    records = records_of(made, pool)
    resident = made.resident
    idle = list(idle_list(made, pool))
    assert sorted(idle) == sorted(r for r in records.values() if resident["locks"][r] == 0)
    assert made.pool["idle"][pool] == resident["blocks"][idle].sum()
    assert made.pool["used"][pool] == sum(resident["blocks"][r] for r in records.values())
    assert made.pool["used"][pool] <= made.pool["capacity"][pool]
    for segment, r in records.items():
        parent = FOREST[segment][0]
        assert 1 <= resident["blocks"][r] <= FOREST[segment][1]
        children = [child for child in records if FOREST[child][0] == segment]
        assert resident["children"][r] == len(children)
        locked = sum(resident["locks"][records[child]] > 0 for child in children)
        assert resident["locks"][r] >= locked
        if parent == NONE:
            assert resident["parent"][r] == NONE
            continue
        assert resident["parent"][r] == records[parent]
        assert resident["blocks"][records[parent]] == FOREST[parent][1], "a child needs its whole parent"
        if r in idle and records[parent] in idle:
            assert idle.index(r) < idle.index(records[parent]), "a parent is behind its children"


def test_a_hit_is_what_the_path_has_from_the_root(made: State) -> None:
    assert hit(made, 3) == 0
    hold(made, 3, 9)
    assert held(made) == {0: 4, 1: 3, 3: 2}
    assert [hit(made, leaf) for leaf in range(6)] == [4, 7, 4, 9, 7, 0]
    assert hit(made, 3, pool=1) == 0
    check(made)


def test_publishing_ends_in_the_segment_that_holds_the_last_block(made: State) -> None:
    for blocks, expected in ((2, {0: 2}), (4, {0: 4}), (5, {0: 4, 1: 1}), (7, {0: 4, 1: 3}), (8, {0: 4, 1: 3, 3: 1})):
        lowest = hold(made, 3, blocks)
        assert held(made) == expected
        assert made.resident["segment"][lowest] == max(expected)
        check(made)


def test_publishing_less_changes_nothing(made: State) -> None:
    hold(made, 3, 9)
    assert made.resident["segment"][hold(made, 3, 5)] == 1
    assert held(made) == {0: 4, 1: 3, 3: 2}
    check(made)


def test_pools_are_apart(made: State) -> None:
    hold(made, 3, 9)
    hold(made, 2, 6, pool=1)
    hold(made, 3, 5, pool=1)
    assert held(made) == {0: 4, 1: 3, 3: 2}
    assert held(made, 1) == {0: 4, 1: 1, 2: 2}
    out = np.zeros(2)
    hits(made, made.holder, made.resident, 3, 0, out)
    assert out.tolist() == [9.0, 5.0]
    hits(made, made.holder, made.resident, 2, 0, out)
    assert out.tolist() == [4.0, 6.0]
    hits(made, made.holder, made.resident, 5, 0, out)
    assert out.tolist() == [0.0, 0.0]
    drop_all(made, 0)
    assert held(made) == {}
    assert held(made, 1) == {0: 4, 1: 1, 2: 2}
    assert made.pool["used"].tolist() == [0, 7]
    check(made)
    check(made, 1)


def test_a_lock_holds_the_whole_path(made: State) -> None:
    r = hold(made, 3, 9)
    hold(made, 2, 6)
    lock(made, r)
    check(made)
    assert [made.resident["segment"][i] for i in idle_list(made)] == [2]
    assert available_blocks(made, 0) == 20 - 9
    assert idle_on_path(made, find(made, 2, 0)) == 2
    assert idle_on_path(made, r) == 0
    assert first_locked(made, find(made, 2, 0)) == find(made, 0, 0)
    evict(made, 0, 11)
    assert held(made) == {0: 4, 1: 3, 3: 2}
    unlock(made, r)
    assert available_blocks(made, 0) == 20
    check(made)


def test_locks_are_counted(made: State) -> None:
    r = hold(made, 3, 9)
    for _ in range(2):
        lock(made, r)
    unlock(made, r)
    assert list(idle_list(made)) == []
    unlock(made, r)
    assert [made.resident["segment"][i] for i in idle_list(made)] == [3, 1, 0]
    check(made)


def test_a_shared_part_is_released_by_the_last_who_holds_it(made: State) -> None:
    left, right = hold(made, 3, 9), hold(made, 4, 9)
    lock(made, left)
    lock(made, right)
    unlock(made, left)
    assert [made.resident["segment"][i] for i in idle_list(made)] == [3]
    unlock(made, right)
    assert [made.resident["segment"][i] for i in idle_list(made)] == [3, 4, 1, 0]
    check(made)


def test_the_least_recently_released_goes_first_and_from_its_tail(made: State) -> None:
    first = hold(made, 3, 10)
    second = hold(made, 5, 8)
    for r in (first, second):
        lock(made, r)
    unlock(made, second)
    unlock(made, first)
    evict(made, 0, 4)
    assert held(made) == {0: 4, 1: 3, 3: 3, 5: 6}
    evict(made, 0, 12)
    assert held(made) == {0: 4, 1: 3, 3: 1}
    evict(made, 0, 14)
    assert held(made) == {0: 4, 1: 2}
    evict(made, 0, 20)
    assert held(made) == {}
    assert made.instance["evicted_blocks"].tolist() == [18, 0]
    check(made)


def test_nothing_is_evicted_while_enough_is_free(made: State) -> None:
    hold(made, 3, 9)
    evict(made, 0, 11)
    assert held(made) == {0: 4, 1: 3, 3: 2}
    evict(made, 0, 12)
    assert held(made) == {0: 4, 1: 3, 3: 1}


def test_a_use_makes_a_path_the_newest(made: State) -> None:
    hold(made, 2, 8)
    hold(made, 5, 8)
    r = find(made, 2, 0)
    lock(made, r)
    unlock(made, r)
    evict(made, 0, 8)
    assert held(made) == {0: 4, 2: 4, 5: 4}


def test_a_tree_forgets_what_was_sent_longest_ago(made: State) -> None:
    remember(made, 2, 1, 9)
    remember(made, 5, 1, 9)
    assert held(made, 1) == {0: 4, 2: 5, 5: 9}
    remember(made, 2, 1, 9)
    remember(made, 3, 1, 10)
    assert held(made, 1) == {0: 4, 1: 3, 2: 5, 3: 3, 5: 5}
    check(made, 1)
    remember(made, 3, 1, 0)
    assert held(made, 1) == {0: 4, 1: 3, 2: 5, 3: 3, 5: 5}


def test_a_path_that_does_not_fit_the_tree_is_not_remembered() -> None:
    small = state(FOREST, n_instances=1, kv_blocks=8, cluster={"agent_kinds": ["route_turn"]})
    remember(small, 3, 0, 12)
    assert held(small) == {}
    remember(small, 3, 0, 8)
    assert held(small) == {0: 4, 1: 3, 3: 1}
    check(small)


@pytest.mark.parametrize("seed", range(12))
def test_books_balance_whatever_happens(seed: int, made: State) -> None:
    """Turns that lock, publish further and leave, on two instances with room for little."""
    rng = np.random.default_rng(seed)
    locked: list[tuple[int, int, int]] = []
    for _ in range(100):
        pool, leaf = int(rng.integers(2)), int(rng.integers(6))
        if locked and rng.random() < 0.4:
            r, leaf, pool = locked.pop(rng.integers(len(locked)))
            unlock(made, r)
        else:
            known, found = deepest(made, leaf, pool), hit(made, leaf, pool)
            blocks = int(rng.integers(max(1, found), START[leaf] + FOREST[leaf][1] + 1))
            room = available_blocks(made, pool) - idle_on_path(made, known)
            if blocks - found <= room:
                lock(made, known)
                evict(made, pool, blocks - found)
                lowest = int(publish(made, leaf, pool, blocks))
                lock(made, lowest)
                unlock(made, known)
                locked.append((lowest, leaf, pool))
                assert hit(made, leaf, pool) >= blocks
        for p in range(2):
            check(made, p)
        for r, _, p in locked:
            assert made.resident["pool"][r] == p
            assert made.resident["locks"][r] > 0
    for r, _, _ in locked:
        unlock(made, r)
    for p in range(2):
        check(made, p)
        assert available_blocks(made, p) == 20
