"""What a scheduler sees is what the records of the episode say about that moment."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from agentsim_env.envs.scheduling import SchedulingEnv
from agentsim_env.envs.scheduling_features import FEATURES
from tests.small import small

K = 4


class Moment(NamedTuple):
    """A decision."""

    now_s: float
    turns: list[int]
    rows: np.ndarray
    mask: np.ndarray
    action: int

    def feature(self, name: str) -> np.ndarray:
        """Of each candidate."""
        return self.rows[: len(self.turns), FEATURES.index(name)]


@pytest.fixture(scope="module")
def watched() -> tuple[list[Moment], Any]:
    env = SchedulingEnv(small("tight", {"decisions.candidates": K}))
    rng = np.random.default_rng(0)
    observation, info = env.reset(seed=0)
    seen, over = [], False
    while not over:
        state = env.simulator.state
        slots = state.candidate[: state.world["n_candidates"][0]]
        action = int(rng.choice(np.flatnonzero(info["action_mask"])))
        rows = observation.reshape(env.candidate_shape)
        turns = state.slot["turn"][slots].tolist()
        seen.append(Moment(env.simulator.now, turns, rows, info["action_mask"], action))
        observation, _, over, _, info = env.step(action)
    return seen, env.simulator.records()


def squash(x: Any, scale: float) -> Any:
    return np.asarray(x) / (np.asarray(x) + scale)


def test_turns_and_their_programs(watched: tuple[list[Moment], Any]) -> None:
    seen, records = watched
    assert len(seen) > 200
    turns, programs = records.turns, records.programs
    for moment in seen:
        rows = turns[moment.turns]
        age_s = moment.now_s - programs["arrival_s"][rows["program"]]
        ended = turns["end_s"] <= moment.now_s
        spent_s = np.where(ended, turns["end_s"] - turns["scheduled_s"], 0.0)
        service_s = np.array([spent_s[turns["program"] == program].sum() for program in rows["program"]])
        wanted = {
            "is_turn": np.ones(len(rows)),
            "is_hold": np.zeros(len(rows)),
            "place": np.arange(len(rows)) / K,
            "wait_s": squash(moment.now_s - rows["ready_s"], 10.0),
            "age_s": squash(age_s, 60.0),
            "age_rank": squash(age_s.max() - age_s, 60.0),
            "service_s": squash(service_s, 30.0),
            "service_rank": squash(service_s - service_s.min(), 10.0),
            "turns_done": squash(rows["turn_index"], 10.0),
            "slack_s": np.ones(len(rows)),
            "allowed": moment.mask[: len(rows)],
        }
        for name, values in wanted.items():
            np.testing.assert_allclose(moment.feature(name), values, atol=1e-5, err_msg=name)


def test_a_turn_finds_what_was_promised(watched: tuple[list[Moment], Any]) -> None:
    """Of a turn that joins its first batch and is never preempted, the hit is the one that the row shows."""
    seen, records = watched
    turns, checked = records.turns, 0
    for moment in seen:
        if moment.action == K or moment.feature("was_preempted")[moment.action]:
            continue
        turn = turns[moment.turns[moment.action]]
        promised = moment.feature("hit_share")[moment.action] * turn["prompt_tokens"]
        assert turn["hit_tokens"] >= round(float(promised))
        if turn["preemptions"] == 0:
            uncached = turn["prompt_tokens"] - promised
            assert moment.feature("uncached_tokens")[moment.action] == pytest.approx(squash(uncached, 4000.0), abs=1e-4)
            checked += 1
    assert checked > 100


def test_the_last_row_holds_all_back(watched: tuple[list[Moment], Any]) -> None:
    seen, _ = watched
    for moment in seen:
        last = moment.rows[K]
        assert (last[FEATURES.index("is_hold")], last[FEATURES.index("is_turn")]) == (1.0, 0.0)
        assert last[FEATURES.index("allowed")] == moment.mask[K] == (last[FEATURES.index("running")] > 0)
        assert not moment.rows[len(moment.turns) : K, : FEATURES.index("budget_share")].any()
