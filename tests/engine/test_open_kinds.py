"""Decisions other than routing, answered from outside: by the rules, at random, and from snapshots."""

from typing import Any

import numpy as np
import pytest

from agentsim_env import Simulator
from agentsim_env.simulator import Decision
from tests.small import answer_at_random, small

KINDS = ("admit_program", "schedule_turn", "preempt_turn")

TIGHT: dict[str, Any] = {
    "rules.admit_program": "watermark",
    "rules.rule_params.admit_program": {"utilisation_limit": 0.8},
    "rules.schedule_turn": "plas",
    "rules.preempt_turn": "smallest",
    "decisions.candidates": 4,
}


def asked(kinds: tuple[str, ...], seed: int = 4, mode: str = "mixed", **rules: str) -> Simulator:
    """A simulator of few blocks, whose decisions of these kinds are open."""
    changes = {**TIGHT, **{f"rules.{kind}": rule for kind, rule in rules.items()}, "cluster.instances.0.mode": mode}
    simulator = Simulator(small("tight", changes), agent_kinds=kinds)
    simulator.reset(seed)
    return simulator


def default_of(simulator: Simulator, seen: list[Decision]) -> str:
    """Records of an episode in which the rules' own answers are given."""
    while (decision := simulator.next_decision()) is not None:
        assert decision.mask[decision.default]
        assert decision.mask.sum() > 1
        seen.append(decision)
        simulator.apply(decision.default)
    return simulator.records().content_hash()


@pytest.mark.parametrize("schedule", ["fcfs", "plas", "gate", "autellix_mlfq", "shortest_prompt"])
@pytest.mark.parametrize("kinds", [KINDS, ("schedule_turn", "route_turn"), ("preempt_turn",)])
def test_the_rules_own_answers_change_nothing(kinds: tuple[str, ...], schedule: str) -> None:
    closed = asked((), schedule_turn=schedule)
    closed.run()
    seen: list[Decision] = []
    assert default_of(asked(kinds, schedule_turn=schedule), seen) == closed.records().content_hash()
    assert {decision.kind for decision in seen} == set(kinds)


@pytest.mark.parametrize("schedule", ["fcfs", "shortest_prompt"])
def test_the_rules_own_answers_change_nothing_where_prompts_are_whole(schedule: str) -> None:
    closed = asked((), mode="prefill_first", schedule_turn=schedule)
    closed.run()
    assert closed.records().content_hash() != _mixed(schedule)
    seen: list[Decision] = []
    opened = asked(KINDS, mode="prefill_first", schedule_turn=schedule)
    assert default_of(opened, seen) == closed.records().content_hash()
    assert {decision.kind for decision in seen} == set(KINDS)


@pytest.mark.parametrize("mode", ["mixed", "prefill_first"])
@pytest.mark.parametrize("schedule", ["fcfs", "shortest_prompt"])
def test_the_rules_own_answers_change_nothing_where_turns_join_ahead(schedule: str, mode: str) -> None:
    ahead = {"cluster.instances.0.mode": mode, "cluster.instances.0.async_scheduling": True}
    changes = {**TIGHT, **ahead, "rules.schedule_turn": schedule}
    closed, opened = Simulator(small("tight", changes)), Simulator(small("tight", changes), agent_kinds=KINDS)
    for simulator in (closed, opened):
        simulator.reset(4)
    closed.run()
    seen: list[Decision] = []
    assert default_of(opened, seen) == closed.records().content_hash()
    assert {decision.kind for decision in seen} == set(KINDS)


def _mixed(schedule: str) -> str:
    """Records of the same episode on a `mixed` instance."""
    mixed = asked((), schedule_turn=schedule)
    mixed.run()
    return mixed.records().content_hash()


RETENTION: dict[str, Any] = {
    **TIGHT,
    "cluster.instances.0.kv_blocks": 1500,
    "decisions.pin_grid_s": [0.25, 0.5, 1.0, 2.0, 5.0],
}


@pytest.mark.parametrize("retain", ["leave", "evict_always", "ttl"])
@pytest.mark.parametrize("kinds", [("retain_kv",), ("retain_kv", "route_turn", "schedule_turn", "preempt_turn")])
def test_the_rules_own_retention_changes_nothing(kinds: tuple[str, ...], retain: str) -> None:
    changes = {**RETENTION, "rules.retain_kv": retain}
    closed, opened = Simulator(small("tight", changes)), Simulator(small("tight", changes), agent_kinds=kinds)
    for simulator in (closed, opened):
        simulator.reset(4)
    closed.run()
    seen: list[Decision] = []
    assert default_of(opened, seen) == closed.records().content_hash()
    assert {decision.kind for decision in seen} >= {"retain_kv"}
    for name in ("pins_made", "pins_used", "pins_expired", "pins_broken", "dropped_blocks"):
        assert opened.state.instance[name].tolist() == closed.state.instance[name].tolist()
        expected = retain == ("evict_always" if name == "dropped_blocks" else "ttl")
        assert bool(opened.state.instance[name].sum()) == expected, name


@pytest.mark.parametrize("rule", ["none", "on_return", "predicted_return", "oracle_return"])
def test_the_rules_own_answers_about_prefetch_change_nothing(rule: str) -> None:
    tier = {"kind": "dram", "capacity_gib": 64.0, "link_gb_per_s": 2.0}
    changes = {"cluster.tiers": [tier], "cluster.instances.0.kv_blocks": 1500, "rules.prefetch_kv": rule}
    closed, opened = (
        Simulator(small("tight", changes), agent_kinds=kinds) for kinds in ((), ("prefetch_kv", "schedule_turn"))
    )
    closed.reset(4)
    closed.run()
    opened.reset(4)
    seen: list[Decision] = []
    assert default_of(opened, seen) == closed.records().content_hash()
    asked = [decision for decision in seen if decision.kind == "prefetch_kv"]
    assert asked
    turns = closed.records().turns
    for decision in asked:
        assert (decision.program, decision.turn) == (-1, -1)
        assert len(decision.mask) == len(opened.state.candidate) + 1
        assert (turns["ready_s"][decision.candidates] <= decision.time_s).all()
    began = sum(decision.default < len(decision.mask) - 1 for decision in asked)
    assert 0 < began <= opened.records().instances["prefetches"].sum() or rule == "none"


def test_decisions_show_their_candidates() -> None:
    simulator = asked(KINDS)
    seen: list[Decision] = []
    default_of(simulator, seen)
    turns = simulator.records().turns
    for decision in seen:
        if decision.kind == "admit_program":
            assert decision.program >= 3
            assert (decision.turn, decision.instance, len(decision.candidates)) == (-1, -1, 0)
            assert len(decision.mask) == 3
            continue
        assert 0 <= decision.instance < 2
        assert (decision.program, decision.turn) == (-1, -1)
        n = len(decision.candidates)
        assert 1 <= n <= 4
        assert (turns["ready_s"][decision.candidates] <= decision.time_s).all()
        assert not decision.mask[n:4].any()
        assert len(decision.mask) == (5 if decision.kind == "schedule_turn" else 4)
    scheduled = [d for d in seen if d.kind == "schedule_turn" and d.default < 4]
    assert len(scheduled) > 100
    for decision in scheduled:
        turn = decision.candidates[decision.default]
        assert turns["scheduled_s"][turn] <= decision.time_s
    assert any(turns["scheduled_s"][d.candidates[d.default]] == d.time_s for d in scheduled)


@pytest.mark.parametrize("name", ["tight", "faulty", "graphs", "cut"])
def test_an_agent_that_answers_at_random_keeps_the_books(name: str) -> None:
    simulator = Simulator(small(name, {"decisions.candidates": 3}), agent_kinds=(*KINDS, "route_turn", "retain_kv"))
    simulator.reset(2)
    answer_at_random(simulator, np.random.default_rng(0))
    assert simulator.ended
    records, state = simulator.records(), simulator.state
    if name == "cut":
        assert simulator.truncated
        return
    pool, instance = state.pool, state.instance
    assert not pool["pinned"].any()
    assert (pool["used"] == pool["idle"]).all()  # nothing runs any more: what is held is idle
    held = [state.resident["blocks"][state.resident["pool"] == i].sum() for i in range(len(instance))]
    assert pool["used"][: len(instance)].tolist() == held
    hit_tokens = instance["hit_tokens"] + instance["readmission_hit_tokens"]
    assert (instance["asked_tokens"] == hit_tokens + instance["prefill_tokens"]).all()
    for column in ("queued_tokens", "expected_tokens", "expected_pairs", "demand_blocks", "outstanding_tokens"):
        assert not instance[column].any(), column
    world = state.world[0]
    assert (world["n_held"], world["n_admitted"], world["n_busy"], world["n_active"]) == (0, 0, 0, 0)
    assert (records.programs["end_s"] == records.programs["end_s"]).all()
    assert world["n_rejected"] > 0
    ended = records.turns["end_s"] == records.turns["end_s"]
    turns = simulator.programs.turn
    assert instance["output_tokens"].sum() == turns["output_tokens"][ended].sum()


@pytest.mark.parametrize(("kind", "number"), [("admit_program", 9), ("schedule_turn", 50), ("preempt_turn", 1)])
def test_snapshots_in_the_middle_of_an_iteration_that_is_being_formed(kind: str, number: int) -> None:
    simulator = asked(KINDS)
    n_of_kind = 0
    while (decision := simulator.next_decision()) is not None:
        n_of_kind += decision.kind == kind
        if n_of_kind == number:
            break
        simulator.apply(decision.default)
    assert decision is not None
    snapshot = simulator.snapshot()
    ways = []
    for way in (0, 1, 0, 1):
        answer_at_random(simulator, np.random.default_rng(way))
        ways.append(simulator.records().content_hash())
        simulator.restore(snapshot)
        again = simulator.next_decision()
        assert again is not None
        assert again.candidates.tolist() == decision.candidates.tolist()
        assert (again.mask.tolist(), again.default) == (decision.mask.tolist(), decision.default)
    assert ways[:2] == ways[2:]
    assert ways[0] != ways[1]


def test_warm_up_programs_are_scheduled_by_the_rules() -> None:
    simulator = Simulator(small("tight", {**TIGHT, "episode.warmup_programs": 20}), agent_kinds=KINDS)
    simulator.reset(4)
    seen: list[Decision] = []
    default_of(simulator, seen)
    programs = simulator.programs.turn["program"]
    assert seen
    for decision in seen:
        assert decision.program >= 20 or (programs[decision.candidates] >= 20).any()
