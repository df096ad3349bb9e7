"""What a retention agent sees is what the records of the episode say about that moment."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from agentsim_env.engine.core.decisions import LEAVE, PIN, TO_CXL, TO_DRAM
from agentsim_env.envs.retention import RetentionEnv
from agentsim_env.envs.retention_features import FEATURES
from tests.small import small

GRID_S = (0.5, 2.0, 20.0)
TIERED = {"cluster.tiers": [{"kind": "dram", "capacity_gib": 2.0, "link_gb_per_s": 10.0}]}


class Moment(NamedTuple):
    """A decision."""

    now_s: float
    turn: int
    rows: np.ndarray
    mask: np.ndarray

    def feature(self, name: str) -> np.ndarray:
        """`[answers]`."""
        return self.rows[:, FEATURES.index(name)]


def watch(overrides: dict[str, Any], always: int | None = None) -> tuple[list[Moment], Any]:
    env = RetentionEnv(small("tight", {"decisions.pin_grid_s": GRID_S, **overrides}))
    rng = np.random.default_rng(0)
    observation, info = env.reset(seed=0)
    seen, over = [], False
    while not over:
        state = env.simulator.state
        turn = int(state.ended[state.world["next_ended"][0]])
        seen.append(Moment(env.simulator.now, turn, observation.reshape(env.candidate_shape), info["action_mask"]))
        action = rng.choice(np.flatnonzero(info["action_mask"])) if always is None else always
        observation, _, over, _, info = env.step(int(action))
    return seen, env.simulator.records()


def squash(x: Any, scale: float) -> Any:
    return np.asarray(x) / (np.asarray(x) + scale)


@pytest.fixture(scope="module")
def watched() -> tuple[list[Moment], Any]:
    return watch({})


def test_asked_at_the_end_of_each_counted_turn_that_is_not_the_last(watched: tuple[list[Moment], Any]) -> None:
    seen, records = watched
    turns, programs = records.turns, records.programs
    counted = programs["counted"][turns["program"]] & ~np.isnan(turns["end_s"])
    last = np.append(turns["program"][1:] != turns["program"][:-1], True)
    assert {moment.turn for moment in seen} <= set(np.flatnonzero(counted & ~last))
    assert len(seen) > 0.9 * (counted & ~last).sum()
    for moment in seen:
        assert moment.now_s == turns["end_s"][moment.turn]


def test_the_turn_and_its_program(watched: tuple[list[Moment], Any]) -> None:
    seen, records = watched
    turns = records.turns
    for moment in seen:
        turn = turns[moment.turn]
        mine = turns[(turns["program"] == turn["program"]) & (turns["end_s"] <= moment.now_s)]
        left = turn["prompt_tokens"] + turn["output_tokens"]
        wanted = {
            "age_s": squash(moment.now_s - records.programs["arrival_s"][turn["program"]], 60.0),
            "service_s": squash((mine["end_s"] - mine["scheduled_s"]).sum(), 30.0),
            "turns_done": squash(len(mine), 10.0),
            "left_tokens": squash(left, 30_000.0),
            "left_share": (left - 1) // 16 / 3000,
            "tools_called": squash(1, 4.0),
        }
        for name, value in wanted.items():
            np.testing.assert_allclose(moment.feature(name), value, atol=1e-5, err_msg=name)


def test_gaps_are_those_that_have_ended(watched: tuple[list[Moment], Any]) -> None:
    """The mean over the gaps of all tools where the tool is new, else over its own; never the one to come."""
    seen, records = watched
    turns = records.turns
    gap_s = np.append(turns["ready_s"][1:] - turns["end_s"][:-1], np.nan)
    gap_s[np.append(turns["program"][1:] != turns["program"][:-1], True)] = np.nan
    for moment in seen:
        ended = ~np.isnan(gap_s) & (turns["end_s"] + gap_s < moment.now_s)
        assert moment.feature("gap_is_known")[0] == float(ended.any())
        if ended.any():
            mean_s = 5.0 * moment.feature("gap_mean_s")[0] / (1.0 - moment.feature("gap_mean_s")[0])
            assert gap_s[ended].min() - 1e-3 <= mean_s <= gap_s[ended].max() + 1e-3


def test_rows_say_what_they_answer(watched: tuple[list[Moment], Any]) -> None:
    seen, _ = watched
    for moment in seen:
        flags = [moment.feature(f"is_{name}") for name in ("leave", "drop", "to_dram", "to_cxl", "pin")]
        assert np.array_equal(np.argmax(flags, axis=0), [0, 1, 2, 3, 4, 4, 4])
        np.testing.assert_allclose(moment.feature("pin_s")[PIN:], squash(GRID_S, 5.0), atol=1e-6)
        assert np.array_equal(moment.feature("allowed"), moment.mask)
        assert not moment.mask[[TO_DRAM, TO_CXL]].any()
        assert (np.diff(moment.feature("returns_within")[PIN:]) >= 0.0).all(), "a longer pin reaches more gaps"
        assert moment.feature("own_share")[0] > 0.0


def test_a_tier_can_be_moved_to_and_takes_time() -> None:
    seen, records = watch(TIERED, always=TO_DRAM)
    for moment in seen:
        assert moment.mask.tolist() == [1, 1, 1, 0, 1, 1, 1]
        blocks = (records.turns["prompt_tokens"][moment.turn] + records.turns["output_tokens"][moment.turn] - 1) // 16
        moved_s = 10e-6 + float(blocks) * 16 * 131_072 / 10e9
        assert moment.feature("move_s")[TO_DRAM] == pytest.approx(squash(moved_s, 0.3), abs=1e-5)
        assert moment.feature("move_s")[TO_CXL] == 1.0


def test_pins_show_on_the_instance() -> None:
    pinned, _ = watch({}, always=PIN + 2)
    left, _ = watch({}, always=LEAVE)
    assert max(moment.feature("pinned_share")[0] for moment in pinned) > 0.1
    assert max(moment.feature("pinned_share")[0] for moment in left) == 0.0
