"""Each eviction rule against cases computed by hand; docs/residency.md has the formulas."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import pytest

from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.decisions import ENDED
from agentsim_env.engine.core.state import ACTIVE, DONE, HELD, NONE, UNBORN, State
from agentsim_env.engine.entry import Core
from agentsim_env.engine.eviction.rules import EVICT_RULES
from agentsim_env.engine.programs import future_uses
from agentsim_env.engine.retention.rules import RETAIN_RULES
from agentsim_env.workload.programs import Programs, Tool
from tests.engine.eviction.shelf import SYSTEM_BLOCKS, Shelf
from tests.engine.hand_made import bound, engine
from tests.reference.building import WorkloadBuilder

due_s = bound(future_uses.due_s)
next_use_s = bound(future_uses.next_use_s)


@pytest.mark.parametrize("rule", EVICT_RULES)
def test_of_equals_the_one_released_longest_ago_goes(rule: str) -> None:
    shelf = Shelf(rule)
    shelf.state.program_run["arrived_s"] = 0.0
    shelf.use(2, 5, at_s=1.0).use(0, 5, at_s=1.0).use(1, 5, at_s=1.0)
    # Only the order of coming tells them apart, and it agrees.
    assert shelf.at(2.0).goes() == 2


@pytest.mark.parametrize("rule", EVICT_RULES)
def test_a_child_goes_before_its_parent(rule: str) -> None:
    shelf = Shelf(rule, behind_system=True)
    shelf.use(0, 10, at_s=0.0).use(1, SYSTEM_BLOCKS, at_s=0.0).use(2, 10, at_s=1.0)
    assert shelf.at(5.0).goes() in (0, 2)


def test_lru_goes_by_the_last_use() -> None:
    assert Shelf("lru").use(0, 5, 1.0).use(1, 5, 2.0).use(0, 5, 3.0).at(9.0).goes() == 1


def test_fifo_goes_by_the_first() -> None:
    assert Shelf("fifo").use(0, 5, 1.0).use(1, 5, 2.0).use(0, 5, 3.0).at(9.0).goes() == 0


def test_lfu_counts_uses() -> None:
    assert Shelf("lfu").use(0, 5, 1.0).use(0, 5, 2.0).use(1, 5, 3.0).at(9.0).goes() == 1


def test_tlru_first_takes_what_no_prefill_needs() -> None:
    shelf = Shelf("tlru", parameters={"threshold_tokens": 100.0, "next_prompt_tokens": 20.0})
    shelf.use(0, 20, 1.0).use(1, 20, 2.0).use(2, 14, 3.0).at(9.0)
    shelf.state.program_run["context_tokens"] = [385, 384, 300]
    # Needed are 305, 304 and 220 tokens; the last of 20 blocks begins at 304, that of 14 at 208.
    assert shelf.goes() == 1
    shelf.state.program_run["context_tokens"][1] = 385
    assert shelf.goes() == 0  # nothing is beyond its bound: the oldest
    shelf.state.program_run["context_tokens"][2] = 288
    assert shelf.goes() == 2
    shelf.state.program_run["context_tokens"][0] = 50  # it needs nothing at all, and is older
    assert shelf.goes() == 0


def test_largest_makes_the_most_room() -> None:
    assert Shelf("largest").use(0, 5, 1.0).use(1, 8, 2.0).use(2, 7, 3.0).at(9.0).goes() == 1


# SAGA.


def test_saga_weighs_idleness_reuse_and_size() -> None:
    shelf = Shelf("saga_wa_lru").use(0, 10, at_s=0.0).use(1, 20, at_s=5.0).at(10.0)
    shelf.state.world["turns_ended"], shelf.state.world["n_done"] = 10, 4  # six in ten go on
    # 0.3 x 10/10 + 0.5 x 0.4 + 0.2 x 10/20 = 0.6 and 0.3 x 5/10 + 0.5 x 0.4 + 0.2 = 0.55
    assert shelf.goes() == 0
    # At 30 s they have been idle for 30 and 25 s: 0.6 and 0.25 + 0.2 + 0.2 = 0.65
    assert shelf.at(30.0).goes() == 1
    # A turn of the second program is in the cluster: its reuse is certain, 0.45.
    shelf.state.program_run["live"][1] = 1
    assert shelf.goes() == 0
    # It has ended: 0.5 more.
    shelf.state.program_run["live"][1] = 0
    shelf.state.program_run["state"][1] = DONE
    assert shelf.at(10.0).goes() == 1


def test_saga_takes_what_programs_share_for_certain() -> None:
    shelf = Shelf("saga_wa_lru").use(0, 10, at_s=0.0).use(1, 10, at_s=1.0).use(1, 10, at_s=1.0, by=2).at(2.0)
    shelf.state.program_run["state"][:] = DONE
    # 0.3 + 0.5 + 0.2 and 0.15 + 0 + 0.2
    assert shelf.goes() == 0
    weights = {"idle_weight": 0.1, "reuse_weight": 0.5, "size_weight": 0.4}
    shelf = Shelf("saga_wa_lru", parameters=weights).use(0, 10, at_s=0.0).use(1, 40, at_s=1.0).at(2.0)
    shelf.state.program_run["live"][:] = 1
    assert shelf.goes() == 1  # 0.1 + 0.1 and 0.05 + 0.4


# What it costs to compute again.


def test_pensieve_divides_the_cost_of_the_last_block_by_idleness() -> None:
    # A block behind 144 tokens takes 16 ms + 16 x 144 us = 18.3 ms, one behind 1,584 tokens 41.3 ms: 2.26 times that.
    shelf = Shelf("pensieve", prompts=(160, 1600, 320)).use(1, 100, at_s=0.0).use(0, 10, at_s=1.0)
    assert shelf.at(2.0).goes() == 0  # idle for 1 and 2 s
    assert shelf.at(1.75).goes() == 1  # idle for 0.75 and 1.75 s: 2.33 times as long


@pytest.mark.parametrize(("alpha", "goes"), [(0.0, 1), (1.0, 1), (2.0, 0)])
def test_marconi_adds_recency_and_what_a_block_saves(alpha: float, goes: int) -> None:
    # 160 tokens save 16 ms a block; 3,200 tokens 2.048 s + 1.152 s + 1,152 x 2,048 us = 5.56 s, 27.8 ms a block.
    shelf = Shelf("marconi", prompts=(160, 3100, 320), parameters={"alpha": alpha})
    shelf.use(1, 200, at_s=0.0).use(0, 10, at_s=1.0).at(2.0)
    # Idle for 1 and 2 s: 1 + 0.576 alpha and 0.5 + alpha
    assert shelf.goes() == goes


# Who will come.


def test_cached_attention_spares_what_the_queue_needs() -> None:
    shelf = Shelf("cached_attention").use(0, 10, 0.0).use(1, 10, 1.0).use(2, 10, 2.0).at(3.0)
    assert shelf.goes() == 0  # nobody waits
    assert shelf.wait(0).goes() == 1
    assert shelf.wait(1, 0).goes() == 2
    # All are needed: the last in the queue waits longest for it.
    assert shelf.wait(2, 0, 1).goes() == 1


def test_cached_attention_looks_as_far_as_the_cache_reaches() -> None:
    # Contexts of 187.5 blocks: five of them fit into 1,000 blocks.
    shelf = Shelf("cached_attention", prompts=(3000,) * 7)
    for p in (6, 5, 4, 3, 2, 1, 0):
        shelf.use(p, 10, at_s=6.0 - p)
    assert shelf.wait(0, 1, 2, 3, 4, 5, 6).at(9.0).goes() == 6
    assert shelf.wait(6, 5, 4, 3, 2, 1, 0).goes() == 1  # 0 and 1 are behind the window, 1 is older


def test_cached_attention_spares_parents_too_and_not_what_lies_behind_a_prompt() -> None:
    shelf = Shelf("cached_attention", prompts=(100, 320, 320), behind_system=True)
    shelf.use(0, 10, 0.0).use(1, 10, 1.0).at(3.0)
    # The waiting turn has 6 whole blocks, of which two are of its own context.
    assert shelf.wait(0).goes() == 1
    shelf = Shelf("cached_attention", prompts=(70, 320, 320), behind_system=True)
    shelf.use(0, 10, 0.0).use(1, 10, 1.0).at(3.0)
    assert shelf.wait(0).goes() == 0  # four whole blocks, all of them shared


def test_continuum_gives_up_the_latest_program() -> None:
    shelf = Shelf("continuum_order").use(0, 10, 0.0).use(2, 10, 1.0).use(1, 10, 2.0).at(3.0)
    assert shelf.goes() == 2
    shelf.state.program_run["state"][0] = DONE
    assert shelf.goes() == 0
    shared = Shelf("continuum_order").use(0, 10, 0.0).use(2, 10, 1.0).use(2, 10, 2.0, by=1).at(3.0)
    assert shared.goes() == 0


# Belady.


def test_belady_by_hand() -> None:
    shelf = Shelf("oracle_belady").use(0, 10, 0.0).use(1, 10, 1.0).use(2, 10, 2.0).at(10.0)
    run, program = shelf.state.program_run, shelf.state.program
    run["state"][:] = UNBORN
    program["arrival_s"][:] = [20.0, 40.0, 30.0]
    assert shelf.goes() == 1
    run["state"][1] = HELD  # due as soon as it is admitted
    assert shelf.goes() == 2
    # Due since it is ready.
    shelf.state.turn_run["ready_s"][:] = [5.0, 7.0, 6.0]
    run["state"][:] = ACTIVE
    assert shelf.goes() == 1
    shelf.state.turn_run["instance"][:] = [0, 0, 1]  # the last was sent elsewhere
    assert shelf.goes() == 2
    shelf.state.turn_run["instance"][:] = NONE
    run["state"][0] = DONE  # never again
    assert shelf.goes() == 0


def test_belady_looks_behind_gaps() -> None:
    """Two chains whose first turns have ended: one is back at 3 s, the other, after a failure, at 2 + 2 + 0.5 s."""
    work = WorkloadBuilder((Tool("plain"), Tool("failing", backoff_s=0.5)))
    for gap_s, tool, failures in ((3.0, 0, 0), (2.0, 1, 1)):
        work.program(0.0)
        leaf = work.segment(20)
        turns = [work.turn(leaf, 100 + 20 * k, 16) for k in range(3)]
        for source, target in pairwise(turns):
            work.edge(source, target, gap_s, tool, failures)
    blueprint = Blueprint([engine()], rules={"evict_kv": "oracle_belady"})
    state: State = new_state(blueprint, work.build())
    Core(state)
    state.program_run["state"] = ACTIVE
    state.world["now_s"] = 1.0
    for t in (0, 3):
        state.turn_run["ready_s"][t], state.turn_run["end_s"][t] = 0.0, 0.0
    assert [due_s(state, t) for t in (1, 4)] == [3.0, 4.5]
    assert [due_s(state, t) for t in (2, 5)] == [6.25, 9.25]  # a quarter of a second for 16 tokens
    assert [next_use_s(state, s, 0) for s in (0, 1)] == [3.0, 4.5]
    state.turn_run["ready_s"][1] = 3.0  # is served for a time that nobody knows
    state.world["now_s"] = 3.5
    assert due_s(state, 2) == 3.5 + 3.25


def test_belady_looks_behind_later_arrivals_for_programs_of_a_closed_loop() -> None:
    """Of four programs on one context the second and third come by the clock, the last half a second behind another."""
    work = WorkloadBuilder()
    leaf = work.segment(2)
    for arrival_s, after in ((0.0, -1), (3.0, -1), (5.0, -1), (0.5, 0)):
        work.program(arrival_s, after)
        work.turn(leaf, 20, 1)
    state: State = new_state(Blueprint([engine()], rules={"evict_kv": "oracle_belady"}), work.build())
    Core(state)
    state.program_run["state"][0], state.turn_run["instance"][0] = ACTIVE, 1
    state.world["now_s"] = 1.0
    assert next_use_s(state, leaf, 0) == 1.5
    state.world["now_s"] = 2.75
    assert next_use_s(state, leaf, 0) == 3.0


def sequence(contexts: Iterable[int], prompts: Sequence[int]) -> Programs:
    """One program whose turns visit contexts in this order, one after the other whatever the cache does."""
    work = WorkloadBuilder()
    work.program(0.0)
    segments = [work.segment(-(-(prompt + 1) // 16)) for prompt in prompts]
    turns = [work.turn(segments[c], prompts[c], 1) for c in contexts]
    for source, target in pairwise(turns):
        work.edge(source, target, 0.01)
    return work.build()


@pytest.mark.parametrize("seed", range(12))
def test_no_rule_has_more_hits_than_belady(seed: int) -> None:
    rng = np.random.default_rng(seed)
    prompts = [16 * int(blocks) + 1 for blocks in rng.integers(2, 25, 20)]
    popularity = 1.0 / np.arange(1, 21) ** rng.choice([0.0, 0.7, 1.2])
    contexts = rng.choice(20, 150, p=popularity / popularity.sum()).tolist()
    if seed % 3 == 0:
        contexts = list(range(20)) * 8  # a scan, the worst case of LRU
    hits = {}
    for rule in EVICT_RULES:
        core = Core(
            new_state(Blueprint([engine(kv_blocks=100)], rules={"evict_kv": rule}), sequence(contexts, prompts))
        )
        assert core.advance() == ENDED
        assert core.state.instance["evicted_blocks"][0] > 0
        hits[rule] = int(core.state.instance["hit_tokens"][0])
    best = hits.pop("oracle_belady")
    assert best >= max(hits.values()), hits
    assert best > hits["lru"]


# Where memory is ample.


@pytest.mark.parametrize("n_instances", [1, 3])
def test_with_memory_for_all_no_rule_changes_anything(n_instances: int) -> None:
    """Nothing has to be evicted, so nothing that is kept or could go matters."""
    engines, programs = [engine(kv_blocks=100_000)] * n_instances, conversations(12)
    choices = [("retain_kv", rule) for rule in RETAIN_RULES] + [("evict_kv", rule) for rule in EVICT_RULES]
    ends = {}
    for kind, rule in choices:
        blueprint = Blueprint(engines, block_size=16, rules={kind: rule, "route_turn": "session_affinity"})
        core = Core(new_state(blueprint, programs))
        assert core.advance() == ENDED
        ends[kind, rule] = core.state.program_run["end_s"].tolist()
    # This one gives memory back whether it is needed or not: that is its point.
    dropped = ends.pop(("retain_kv", "evict_always"))
    assert all(times == ends["retain_kv", "leave"] for times in ends.values())
    assert dropped != ends["retain_kv", "leave"]


def conversations(n: int) -> Programs:
    """Programs of four turns with gaps between them, behind one system prompt; what is lost takes iterations."""
    work = WorkloadBuilder()
    system = work.segment(4)
    for number in range(n):
        work.program(0.05 * number)
        leaf = work.segment(80, system)
        turns = [work.turn(leaf, prompt + number, 8) for prompt in (300, 600, 900, 1200)]
        for gap_s, (source, target) in zip((0.1, 0.4, 1.6), pairwise(turns), strict=True):
            work.edge(source, target, gap_s)
    return work.build()
