"""Which idle KV goes when blocks are needed: by age, by use, whole or in part, by somebody outside, and where to."""

from typing import Any

import numpy as np
import pytest

from agentsim_env import Simulator
from agentsim_env.simulator import Decision
from tests.engine.books import check_blocks
from tests.engine.residency.test_pins import chain, resident, run
from tests.reference.building import WorkloadBuilder
from tests.small import answer_at_random, small

TIGHT: dict[str, Any] = {"cluster.instances.0.kv_blocks": 1500, "decisions.candidates": 5}
DRAM: dict[str, Any] = {"cluster.tiers": [{"kind": "dram", "capacity_gib": 4.0}], "cluster.write_policy": "none"}


def twice_used(work: WorkloadBuilder) -> tuple[int, int]:
    """A leaves 4 blocks that two turns have used, then B 4 that one has; their leaves."""
    return chain(work, 0.0, [3, 4]), chain(work, 0.5, [4])


@pytest.mark.parametrize(("evict", "left"), [("lru", (1, 4)), ("lfu", (4, 1))])
def test_the_least_used_or_the_least_recently_used_goes(evict: str, left: tuple[int, int]) -> None:
    """Of ten blocks A and B have 4 each and C needs 5."""
    work = WorkloadBuilder()
    a, b = twice_used(work)
    c = chain(work, 1.0, [5])
    after = run(work, 10, "leave", evict_kv=evict)
    assert resident(after) == {a: left[0], b: left[1], c: 5}


def test_of_equal_use_the_oldest_goes() -> None:
    work = WorkloadBuilder()
    first, second = chain(work, 0.0, [4]), chain(work, 0.5, [4])
    third = chain(work, 1.0, [4])
    assert resident(run(work, 10, "leave", evict_kv="lfu")) == {first: 2, second: 4, third: 4}


def test_whole_objects_go_at_once() -> None:
    """Of ten blocks A and B have 4 each, and C needs 3: one that is short takes all of A."""
    work = WorkloadBuilder()
    for arrival_s in (0.0, 0.5):
        chain(work, arrival_s, [4])
    chain(work, 1.0, [3])
    in_part, whole = (run(work, 10, "leave", eviction=eviction) for eviction in ("blocks", "objects"))
    assert (resident(in_part), resident(whole)) == ({0: 3, 1: 4, 2: 3}, {1: 4, 2: 3})
    assert (in_part.instance["evicted_blocks"][0], whole.instance["evicted_blocks"][0]) == (1, 4)


def test_a_parent_does_not_go_before_its_children() -> None:
    """The shared part is used once, at first, each tail twice: by use alone it would go first."""
    work = WorkloadBuilder()
    trunk = work.segment(4)
    work.program(0.0)
    work.turn(trunk, 60, 1)
    leaf = chain(work, 0.5, [6, 6], parent=trunk)
    other = chain(work, 1.0, [5])
    after = run(work, 10, "leave", evict_kv="lfu")
    assert resident(after) == {trunk: 4, leaf: 1, other: 5}


# Asked from outside.


def asked(seed: int = 4, **changes: Any) -> tuple[Simulator, Simulator]:
    """An episode of few blocks that the rules answer, and one in which `evict_kv` is open."""
    scenario = small("tight", {**TIGHT, **{name.replace("__", "."): value for name, value in changes.items()}})
    pair = Simulator(scenario), Simulator(scenario, agent_kinds=("evict_kv",))
    for simulator in pair:
        simulator.reset(seed)
    return pair


def answer_defaults(simulator: Simulator) -> list[Decision]:
    seen = []
    while (decision := simulator.next_decision()) is not None:
        assert decision.kind == "evict_kv"
        assert decision.mask[decision.default]
        assert decision.mask.sum() > 1
        seen.append(decision)
        simulator.apply(decision.default)
    return seen


def same(one: Simulator, other: Simulator) -> None:
    """The records of two simulations are the same, times up to rounding."""
    for table in ("turns", "programs", "instances"):
        expected, got = getattr(one.records(), table), getattr(other.records(), table)
        for name in expected.dtype.names:
            if expected[name].dtype.kind == "f":
                assert np.allclose(got[name], expected[name], rtol=1e-9, atol=1e-9, equal_nan=True), name
            else:
                assert (got[name] == expected[name]).all(), name


@pytest.mark.parametrize("eviction", ["blocks", "objects"])
@pytest.mark.parametrize("evict", ["lru", "lfu"])
def test_the_rules_own_victims_change_nothing(evict: str, eviction: str) -> None:
    closed, opened = asked(rules__evict_kv=evict, cluster__eviction=eviction)
    closed.run()
    assert len(answer_defaults(opened)) > 10
    same(closed, opened)


@pytest.mark.parametrize("prefetch", ["none", "on_return"])
@pytest.mark.parametrize("policy", ["write_through", "write_back"])
def test_the_default_sends_victims_where_the_write_policy_does(policy: str, prefetch: str) -> None:
    changes = {"cluster.write_policy": policy, "rules.prefetch_kv": prefetch}
    closed, opened = asked(**{"cluster.tiers": DRAM["cluster.tiers"], **changes})
    closed.run()
    seen = answer_defaults(opened)
    same(closed, opened)
    assert {decision.default % 3 for decision in seen} == {1 if policy == "write_back" else 0}
    assert (opened.state.instance["stored_blocks"] == closed.state.instance["stored_blocks"]).all()


def test_candidates_are_the_oldest_that_may_go() -> None:
    _, opened = asked(rules__evict_kv="lfu")
    for _ in range(60):
        decision = opened.next_decision()
        assert decision is not None
        state, i = opened.state, decision.instance
        n = len(decision.candidates)
        records = state.candidate[:n]
        assert (state.resident["children"][records] == 0).all()
        assert (state.resident["locks"][records] == 0).all()
        assert (state.resident["pool"][records] == i).all()
        ages = state.resident["released_s"][records]
        assert (np.diff(ages[: n - 1]) >= 0).all()  # the last may be the rule's choice
        assert decision.mask.tolist() == [k < n and target == 0 for k in range(5) for target in range(3)]
        opened.apply(decision.default)


def test_an_agent_chooses_what_goes() -> None:
    """The agent lets the newest candidate go: it has fewer of its blocks afterwards, or none."""
    _, opened = asked()
    decision = opened.next_decision()
    assert decision is not None
    k = len(decision.candidates) - 1
    r = opened.state.candidate[k]
    before = int(opened.state.resident["blocks"][r])
    opened.apply(3 * k)
    opened.next_decision()
    record = opened.state.resident[r]
    assert record["segment"] != decision.candidates[k] or record["pool"] < 0 or record["blocks"] < before


def test_an_agent_sends_victims_down() -> None:
    _, opened = asked(**DRAM)
    answered = 0
    while (decision := opened.next_decision()) is not None:
        answer = next(a for a in range(1, 15, 3) if decision.mask[a])
        answered += 1
        opened.apply(answer)
    assert answered > 0
    assert opened.state.instance["stored_blocks"].sum() > 0
    assert opened.state.instance["loaded_blocks"].sum() > 0


@pytest.mark.parametrize("tiers", [{}, DRAM])
def test_an_agent_that_answers_everything_at_random_keeps_the_books(tiers: dict[str, Any]) -> None:
    kinds = ("admit_program", "route_turn", "schedule_turn", "retain_kv", "evict_kv", "preempt_turn", "prefetch_kv")
    simulator = Simulator(small("tight", {**TIGHT, **tiers}), agent_kinds=kinds)
    simulator.reset(2)
    rng = np.random.default_rng(0)
    while simulator.next_decision() is not None:
        check_blocks(simulator.state)
        answer_at_random(simulator, rng, most=1)
    assert simulator.ended
    pool, n = simulator.state.pool, len(simulator.engines)
    assert not pool["pinned"].any()
    assert (pool["used"] == pool["idle"])[:n].all()
    resident = simulator.state.resident
    assert pool["used"][:n].tolist() == [resident["blocks"][resident["pool"] == i].sum() for i in range(n)]


def test_snapshots_while_room_is_made() -> None:
    _, opened = asked()
    for _ in range(30):
        decision = opened.next_decision()
        assert decision is not None
        opened.apply(decision.default)
    decision = opened.next_decision()
    assert decision is not None
    snapshot = opened.snapshot()
    ways = []
    for way in (0, 1, 0):
        answer_at_random(opened, np.random.default_rng(way))
        ways.append(opened.records().content_hash())
        opened.restore(snapshot)
    assert ways[0] == ways[2] != ways[1]
