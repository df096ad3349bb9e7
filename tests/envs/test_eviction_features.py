"""What an eviction agent sees is what the state says about the idle cache and its owners."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from agentsim_env.engine.core.decisions import TARGETS
from agentsim_env.engine.core.state import ACTIVE, NONE
from agentsim_env.envs.eviction import EvictionEnv
from agentsim_env.envs.eviction_features import FEATURES
from tests.small import small

K = 4
TIERED = {
    "cluster.tiers": [{"kind": "dram", "capacity_gib": 2.0, "link_gb_per_s": 10.0}],
    "cluster.write_policy": "none",
}


class Moment(NamedTuple):
    """A decision, with copies of what it is about."""

    now_s: float
    records: np.ndarray
    owners: np.ndarray
    homes: np.ndarray
    instance: int
    rows: np.ndarray
    mask: np.ndarray

    def feature(self, name: str) -> np.ndarray:
        """Of each candidate, in the row that drops it."""
        return self.rows[: TARGETS * len(self.records) : TARGETS, FEATURES.index(name)]


def watch(overrides: dict[str, Any]) -> list[Moment]:
    env = EvictionEnv(small("tight", {"decisions.candidates": K, "cluster.eviction": "objects", **overrides}))
    rng = np.random.default_rng(0)
    observation, info = env.reset(seed=0)
    seen, over = [], False
    while not over:
        state = env.simulator.state
        records = state.resident[state.candidate[: state.world["n_candidates"][0]]].copy()
        owners = state.program_run[records["program"]].copy()
        seen.append(
            Moment(
                env.simulator.now,
                records,
                owners,
                owners["home"],
                int(state.world["asked_instance"][0]),
                observation.reshape(env.candidate_shape),
                info["action_mask"],
            )
        )
        observation, _, over, _, info = env.step(int(rng.choice(np.flatnonzero(info["action_mask"]))))
    return seen


@pytest.fixture(scope="module")
def seen() -> list[Moment]:
    return watch({})


def squash(x: Any, scale: float) -> Any:
    return np.asarray(x) / (np.asarray(x) + scale)


def test_records_and_their_owners(seen: list[Moment]) -> None:
    assert len(seen) > 100
    for moment in seen:
        records, owners = moment.records, moment.owners
        assert (records["children"] == 0).all()
        assert (records["locks"] == 0).all()
        assert (records["program"] != NONE).all()
        goes_on = owners["state"] == ACTIVE
        idle_s = moment.now_s - records["released_s"]
        wanted = {
            "is_record": np.ones(len(records)),
            "place": np.arange(len(records)) / K,
            "idle_s": squash(idle_s, 10.0),
            "idle_rank": squash(idle_s.max() - idle_s, 10.0),
            "uses": squash(records["uses"], 4.0),
            "held_share": records["blocks"] / 3000,
            "owner_goes_on": goes_on,
            "owner_acts": goes_on & (owners["live"] == 0),
            "owner_waits": goes_on & (owners["live"] > 0),
            "owner_is_elsewhere": owners["home"] != moment.instance,
            "below_share": np.zeros(len(records)),
        }
        for name, values in wanted.items():
            np.testing.assert_allclose(moment.feature(name), values, atol=1e-5, err_msg=name)
        assert (moment.feature("return_s")[~goes_on] > 0.99).all()


def test_without_a_tier_all_can_only_be_dropped(seen: list[Moment]) -> None:
    for moment in seen:
        n = TARGETS * len(moment.records)
        assert moment.mask[:n].tolist() == [1, 0, 0] * len(moment.records)
        assert not moment.mask[n:].any()
        assert np.array_equal(moment.rows[:, 0], moment.mask)


def test_three_rows_are_one_candidate() -> None:
    seen = watch(TIERED)
    flags = [FEATURES.index(f"is_{target}") for target in ("drop", "to_dram", "to_cxl")]
    rest = [k for k, name in enumerate(FEATURES.names) if name != "allowed" and k not in flags]
    below = 0
    for moment in seen:
        rows = moment.rows[: TARGETS * len(moment.records)].reshape(-1, TARGETS, len(FEATURES))
        assert (rows[:, :, flags] == np.eye(TARGETS)).all()
        assert (rows[:, :, rest] == rows[:, :1, rest]).all()
        assert moment.mask[:TARGETS].tolist() == [1, 1, 0]
        below += (moment.feature("below_share") > 0.0).sum()
    assert below > 0, "what has gone to DRAM and been brought up again has a copy there"
