"""What is shown of `set_prefill_budget` is what the state says of the lanes and of those who wait for them."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest

from agentsim_env import Simulator, load_scenario
from agentsim_env.engine.core.state import DECODE
from agentsim_env.envs.prefill_budget_features import FEATURES, SET_PREFILL_BUDGET
from agentsim_env.hardware.lanes import PREFILL_THROUGHPUT

SLOTS, GRID = 5, (0, 64, 256)
TTFT_S, TPOT_S = 0.744, 0.0203
"""Objectives of `consumer_gpu`."""

CHANGES = {
    "cluster.instances.0.mode": "two_lanes",
    "cluster.instances.0.lanes": {"slots": SLOTS, "budget_grid_tokens": list(GRID)},
    "episode": {"programs": 12, "warmup_programs": 0},
    "decisions.control_period_s": 0.05,
}


class Moment(NamedTuple):
    """A question: its table, and what the state says then."""

    table: np.ndarray
    now_s: float
    lanes: dict[str, float]
    decodes_tpot: list[float]
    waiting_ready_s: list[float]
    mean_context_tokens: float
    prefilling_ready_s: float
    last_answer: int

    def column(self, name: str) -> np.ndarray:
        return self.table[:, FEATURES.index(name)]

    def amount(self, name: str) -> np.ndarray:
        """What was squashed."""
        value = self.column(name).astype(float)
        return FEATURES.scales[FEATURES.index(name)] * value / (1.0 - value)


def look(simulator: Simulator, last_answer: int) -> Moment:
    state, now_s = simulator.state, simulator.now
    table = np.zeros((SET_PREFILL_BUDGET.count_answers(simulator), len(FEATURES)), np.float32)
    SET_PREFILL_BUDGET.fill(simulator.core, table)
    lanes, instance = state.lanes[0], state.instance[0]
    slots = state.slot[(state.slot["turn"] >= 0) & (state.slot["instance"] == 0)]
    turns = state.turn_run[slots["turn"]]
    decodes = slots["state"] == DECODE
    generated = slots["generated"] + instance["iteration"] - slots["decode_from"]
    so_far_s = (now_s - turns["first_token_s"]) / np.maximum(1, generated - 1)
    waiting, s = [], instance["waiting_head"]
    while s >= 0:
        waiting.append(float(state.turn_run["ready_s"][state.slot["turn"][s]]))
        s = state.slot["next"][s]
    prefilling = int(lanes["prefilling"])
    return Moment(
        table,
        now_s,
        {name: float(lanes[name]) for name in ("decode_slot", "budget_tokens", "prefilling")},
        (so_far_s[decodes] / TPOT_S).tolist(),
        waiting,
        float(instance["kv_tokens"]) / max(1, int(instance["n_decode"])),
        float(state.turn_run["ready_s"][state.slot["turn"][prefilling]]) if prefilling >= 0 else np.nan,
        last_answer,
    )


@pytest.fixture(scope="module")
def watched() -> list[Moment]:
    simulator = Simulator(load_scenario("consumer_gpu", CHANGES), agent_kinds=["set_prefill_budget"])
    simulator.reset(1)
    seen: list[Moment] = []
    rng = np.random.default_rng(0)
    answer = -1
    while simulator.next_decision() is not None and len(seen) < 150:
        seen.append(look(simulator, answer))
        answer = int(rng.integers((SLOTS - 1) * len(GRID)))
        simulator.apply(answer)
    return seen


def test_there_is_a_row_for_each_slot_and_budget(watched: list[Moment]) -> None:
    slots, budgets = np.repeat(np.arange(1, SLOTS), len(GRID)), np.tile(GRID, SLOTS - 1)
    for moment in watched:
        assert np.allclose(moment.column("slot_share"), slots / SLOTS)
        assert np.allclose(moment.column("prefill_speed"), [PREFILL_THROUGHPUT[2 * (SLOTS - k)] for k in slots])
        assert np.allclose(moment.amount("budget_tokens"), budgets, rtol=1e-4)
        assert (moment.column("is_slot") == (slots == moment.lanes["decode_slot"])).all()
        assert (moment.column("is_budget") == (budgets == moment.lanes["budget_tokens"])).all()
        assert (moment.column("allowed") == 1).all()


def test_the_last_answer_is_what_is_now(watched: list[Moment]) -> None:
    for moment in watched[1:]:
        now = moment.column("is_slot") * moment.column("is_budget")
        assert np.flatnonzero(now).tolist() == [moment.last_answer]


def test_a_larger_slot_decodes_faster_and_prefills_slower(watched: list[Moment]) -> None:
    for moment in watched:
        by_slot = moment.table.reshape(SLOTS - 1, len(GRID), -1)[:, 0]
        assert (np.diff(by_slot[:, FEATURES.index("step_ratio")]) < 0).all()
        ttft = by_slot[:, FEATURES.index("lane_ttft_ratio")]
        assert (np.diff(ttft) > 0).all() if moment.lanes["prefilling"] >= 0 else not ttft.any()
        waited_s = moment.now_s - moment.prefilling_ready_s
        assert not (moment.amount("lane_ttft_ratio") * TTFT_S < waited_s - 1e-3).any()


def test_a_larger_budget_takes_more_of_those_who_resume(watched: list[Moment]) -> None:
    for moment in watched:
        joining, tokens = (moment.amount(name).reshape(SLOTS - 1, -1)[0] for name in ("joining", "joining_tokens"))
        assert joining[0] == tokens[0] == 0, "a prefill has one token at least"
        assert (np.diff(joining) >= 0).all()
        assert (tokens <= joining * GRID + 1e-2).all()
        assert joining[-1] <= moment.amount("resuming")[0] + 1e-4
    assert any(moment.column("joining").any() for moment in watched)


def test_who_waits(watched: list[Moment]) -> None:
    for moment in watched:
        n = moment.amount("cold")[0] + moment.amount("resuming")[0]
        assert n == pytest.approx(len(moment.waiting_ready_s), abs=1e-3)
        longest_s = max((moment.now_s - ready_s for ready_s in moment.waiting_ready_s), default=0.0)
        shown_s = max(moment.amount("cold_wait_s")[0], moment.amount("resume_wait_s")[0])
        assert shown_s == pytest.approx(longest_s, abs=1e-4)
    assert any(moment.column("cold").any() for moment in watched)


def test_each_row_shows_the_lanes(watched: list[Moment]) -> None:
    for moment in watched:
        ratios = moment.decodes_tpot
        assert (moment.column("prefills") == (moment.lanes["prefilling"] >= 0)).all()
        assert np.allclose(moment.amount("now_tokens"), moment.lanes["budget_tokens"], rtol=1e-4)
        assert np.allclose(moment.amount("decodes"), len(ratios), rtol=1e-4)
        assert np.allclose(moment.amount("worst_tpot_ratio"), max(ratios, default=0.0), rtol=1e-3)
        assert np.allclose(moment.amount("mean_tpot_ratio"), np.mean(ratios) if ratios else 0.0, rtol=1e-3)
        assert np.allclose(moment.column("late_share"), np.mean(np.array(ratios) > 1.0) if ratios else 0.0)
        if ratios:
            assert np.allclose(moment.amount("mean_context_tokens"), moment.mean_context_tokens, rtol=1e-3)
    assert any(moment.column("tpot_ratio")[0] > 0 for moment in watched)


def test_time_since_something_changed(watched: list[Moment]) -> None:
    changed_s = 0.0
    for before, moment in pairwise(watched):
        if any(before.lanes[name] != moment.lanes[name] for name in ("decode_slot", "budget_tokens")):
            changed_s = before.now_s
        assert moment.amount("changed_s")[0] == pytest.approx(moment.now_s - changed_s, abs=1e-4)


def test_an_instance_without_lanes_shows_nothing() -> None:
    """As `Joint-v1` may ask for the table of a kind that another instance is asked about."""
    simulator = Simulator(load_scenario("consumer_gpu", {"episode": CHANGES["episode"]}), agent_kinds=["evict_kv"])
    simulator.reset(1)
    simulator.state.world["asked_instance"] = 0
    table = np.ones((SET_PREFILL_BUDGET.count_answers(simulator), len(FEATURES)), np.float32)
    SET_PREFILL_BUDGET.fill(simulator.core, table)
    assert not table.any()
