"""What is shown of `set_prefill_budget` is what the state says of the lanes and of those who wait for them."""

import numpy as np
import pytest

from agentsim_env import Simulator, load_scenario
from agentsim_env.envs.prefill_budget_features import FEATURES, SET_PREFILL_BUDGET

SLOTS, GRID = 5, (0, 64, 256)
CHANGES = {
    "cluster.instances.0.mode": "two_lanes",
    "cluster.instances.0.lanes": {"slots": SLOTS, "budget_grid_tokens": list(GRID)},
    "episode": {"programs": 12, "warmup_programs": 0},
    "decisions.control_period_s": 0.05,
}


@pytest.fixture(scope="module")
def watched() -> list[tuple[np.ndarray, dict[str, float]]]:
    """The table of each question, and what the state says then."""
    simulator = Simulator(load_scenario("consumer_gpu", CHANGES), agent_kinds=["set_prefill_budget"])
    simulator.reset(1)
    seen = []
    rng = np.random.default_rng(0)
    while simulator.next_decision() is not None and len(seen) < 150:
        state = simulator.state
        table = np.zeros((SET_PREFILL_BUDGET.count_answers(simulator), len(FEATURES)), np.float32)
        SET_PREFILL_BUDGET.fill(simulator.core, table)
        lanes, instance = state.lanes[0], state.instance[0]
        said = {name: float(lanes[name]) for name in ("decode_slot", "budget_tokens", "prefilling")}
        seen.append((table, {**said, "waiting": float(instance["n_waiting"]), "decodes": float(instance["n_decode"])}))
        simulator.apply(int(rng.integers(len(table))))
    return seen


def column(table: np.ndarray, name: str) -> np.ndarray:
    return table[:, FEATURES.index(name)]


def test_there_is_a_row_for_each_slot_and_budget(watched: list[tuple[np.ndarray, dict[str, float]]]) -> None:
    for table, said in watched:
        slots = np.repeat(np.arange(1, SLOTS), len(GRID))
        assert np.allclose(column(table, "slot_share"), slots / SLOTS)
        assert np.allclose(column(table, "budget_tokens"), [tokens / (tokens + 128) for tokens in GRID] * (SLOTS - 1))
        assert (column(table, "is_slot") == (slots == said["decode_slot"])).all()
        assert (column(table, "allowed") == 1).all()


def test_each_row_shows_the_lanes(watched: list[tuple[np.ndarray, dict[str, float]]]) -> None:
    for table, said in watched:
        assert (column(table, "prefills") == (said["prefilling"] >= 0)).all()
        assert np.allclose(column(table, "now_tokens"), said["budget_tokens"] / (said["budget_tokens"] + 128))
        assert np.allclose(column(table, "decodes"), said["decodes"] / (said["decodes"] + 8))
        merging, others = (column(table, name)[0] for name in ("for_decodes", "for_prefills"))
        assert 4 * merging / (1 - merging) + 4 * others / (1 - others) == pytest.approx(said["waiting"], abs=1e-4)
    assert any(said["prefilling"] >= 0 for _, said in watched)
    assert any(column(table, "tpot_ratio")[0] > 0 for table, _ in watched)
