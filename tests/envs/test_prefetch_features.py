"""What a prefetch agent sees is what the state says about those who wait and those who act."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from agentsim_env.envs.prefetch import PrefetchEnv
from agentsim_env.envs.prefetch_features import FEATURES
from tests.small import small

K = 4
TIERED = {
    "decisions.candidates": K,
    "cluster.tiers": [{"kind": "dram", "capacity_gib": 8.0, "link_gb_per_s": 10.0}],
}


class Moment(NamedTuple):
    """A decision."""

    now_s: float
    turns: np.ndarray
    acting_since_s: np.ndarray
    rows: np.ndarray
    mask: np.ndarray

    def feature(self, name: str) -> np.ndarray:
        """Of each candidate."""
        return self.rows[: len(self.turns), FEATURES.index(name)]


@pytest.fixture(scope="module")
def watched() -> tuple[list[Moment], Any]:
    env = PrefetchEnv(small("tight", TIERED))
    rng = np.random.default_rng(0)
    observation, info = env.reset(seed=0)
    seen, over = [], False
    while not over:
        state = env.simulator.state
        turns = state.candidate[: state.world["n_candidates"][0]].copy()
        acting_since_s = state.program_run["acting_since_s"][state.turn["program"][turns]]
        rows = observation.reshape(env.candidate_shape)
        seen.append(Moment(env.simulator.now, turns, acting_since_s, rows, info["action_mask"]))
        observation, _, over, _, info = env.step(int(rng.choice(np.flatnonzero(info["action_mask"]))))
    return seen, env.simulator.records()


def squash(x: Any, scale: float) -> Any:
    return np.asarray(x) / (np.asarray(x) + scale)


def test_who_waits_and_who_acts(watched: tuple[list[Moment], Any]) -> None:
    seen, records = watched
    assert len(seen) > 50
    kinds = set()
    for moment in seen:
        turns = records.turns[moment.turns]
        acts = turns["end_s"] <= moment.now_s
        kinds |= set(acts.tolist())
        arrival_s = records.programs["arrival_s"][turns["program"]]
        wanted = {
            "is_turn": ~acts,
            "is_acting": acts,
            "place": np.arange(len(turns)) / K,
            "wait_s": np.where(acts, 0.0, squash(np.maximum(0.0, moment.now_s - turns["ready_s"]), 10.0)),
            "acting_s": np.where(acts, squash(np.maximum(0.0, moment.now_s - moment.acting_since_s), 10.0), 0.0),
            "age_s": squash(moment.now_s - arrival_s, 60.0),
        }
        for name, values in wanted.items():
            np.testing.assert_allclose(moment.feature(name), values, atol=1e-5, err_msg=name)
    assert kinds == {False, True}


def test_there_is_something_to_bring_up(watched: tuple[list[Moment], Any]) -> None:
    seen, _ = watched
    for moment in seen:
        missing = moment.feature("missing_tokens")
        assert (missing > 0.0).all()
        blocks = 30_000.0 * missing / (1.0 - missing) / 16
        move_s = 10e-6 + blocks * 16 * 131_072 / 10e9
        np.testing.assert_allclose(moment.feature("move_s"), squash(move_s, 0.3), atol=1e-3)
        assert (moment.feature("held_share") < 1.0).all()
        assert (moment.feature("blocks_ratio") <= 0.5 + 1e-6).all(), "it fits into what is free or idle"


def test_none_is_the_last_row_and_always_allowed(watched: tuple[list[Moment], Any]) -> None:
    seen, _ = watched
    for moment in seen:
        n = len(moment.turns)
        assert moment.mask.tolist() == [1] * n + [0] * (K - n) + [1]
        assert np.array_equal(moment.rows[:, 0], moment.mask)
        assert (moment.rows[:, FEATURES.index("is_none")] == np.eye(K + 1)[K]).all()
