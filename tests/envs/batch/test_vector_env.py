"""What `gymnasium.make_vec` makes of an environment is a batch; what Gymnasium has for vectors works with it."""

import json
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from gymnasium.wrappers.vector import DictInfoToList, NormalizeReward, RecordEpisodeStatistics

from agentsim_env import SimulationError
from agentsim_env.actions import ActionError
from agentsim_env.envs.errors import EnvError
from agentsim_env.registration import ENVIRONMENTS
from tests.envs.test_environments import SHORT, same

ROUTING = "AgentSim/Routing-v1"


def made(identifier: str = ROUTING, n: int = 3, **arguments: Any) -> Any:
    return gymnasium.make_vec(identifier, num_envs=n, **SHORT | arguments)


@pytest.mark.parametrize("identifier", ENVIRONMENTS)
def test_of_every_environment(identifier: str) -> None:
    envs, single = made(identifier), gymnasium.make(identifier, **SHORT)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert envs.single_observation_space == single.observation_space
    assert envs.observation_space == batch_space(single.observation_space, 3)
    assert envs.action_space == batch_space(single.action_space, 3)
    observations, infos = envs.reset(seed=5)
    assert observations in envs.observation_space
    assert infos["action_mask"].shape == (3, envs.single_action_space.n)
    observations, rewards, terminations, truncations, _ = envs.step(np.zeros(3, int))
    assert observations in envs.observation_space
    assert (rewards.dtype, terminations.dtype, truncations.dtype) == (np.float64, bool, bool)
    assert json.loads(envs.spec.to_json())["id"] == identifier
    envs.close()


@pytest.mark.parametrize("identifier", [ROUTING, "AgentSim/Joint-v1"])
def test_says_what_the_vector_of_gymnasium_says(identifier: str) -> None:
    """Through the end of episodes: infos as well, but for the last observations, which are one array here."""
    few = {"overrides": [*SHORT["overrides"], "episode.programs=8"]}
    sync: Any = gymnasium.make_vec(
        identifier,
        num_envs=2,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
        **SHORT | few,
    )
    envs = made(identifier, n=2, **few)
    assert same(envs.reset(seed=3), sync.reset(seed=3))
    envs.action_space.seed(0)
    finals = 0
    while finals < 2:
        actions = envs.action_space.sample()
        *ours, info = envs.step(actions)
        *theirs, expected = sync.step(actions)
        assert same(ours, theirs)
        finals += "final_obs" in info
        if "final_obs" in info:
            last, others = info.pop("final_obs"), expected.pop("final_obs")
            assert all(same(last[place], others[place]) for place in np.flatnonzero(info["_final_obs"]))
        assert info.keys() == expected.keys()
        for name in info:
            assert same(info[name], expected[name]), name


def test_buffers_that_were_returned_stay() -> None:
    envs = made()
    first, info = envs.reset(seed=0)
    kept, mask = first.copy(), info["action_mask"].copy()
    envs.step([0, 1, 2])
    assert same(first, kept)
    assert same(info["action_mask"], mask)


def test_wrappers_of_gymnasium_work() -> None:
    envs = DictInfoToList(NormalizeReward(RecordEpisodeStatistics(made())))
    envs.reset(seed=0)
    returns = []
    while len(returns) < 4:
        *_, infos = envs.step(envs.action_space.sample())
        returns += [info["episode"]["r"] for info in infos if "episode" in info]
    assert all(value < 0 for value in returns)


def test_seeds() -> None:
    envs = made()
    first, _ = envs.reset(seed=[4, 5, 6])
    again, _ = envs.reset(seed=4)
    assert same(first, again)
    other, _ = envs.reset()
    assert not same(other[0], first[0])
    with pytest.raises(EnvError, match="2 seeds for 3 environments"):
        envs.reset(seed=[1, 2])
    with pytest.raises(EnvError, match="seed -1: must be a whole number"):
        envs.reset(seed=[0, -1, 0])


def test_what_is_no_action_moves_nothing() -> None:
    envs = made()
    with pytest.raises(SimulationError, match=r"call reset\(\)"):
        envs.step([0, 0, 0])
    envs.reset(seed=0)
    for wrong, said in (
        ([0, 0, 9], r"actions\[2\] = 9: must be from 0 to 2"),
        ([0, 0], r"shape \(2,\).*must be 3 whole numbers"),
        ([0.0, 0.0, 0.0], "float64"),
    ):
        with pytest.raises(ActionError, match=said):
            envs.step(wrong)
    before = envs.get_attr("figures")[0]["simulated_s"]
    envs.step([0, 0, 0])
    assert envs.get_attr("figures")[0]["simulated_s"] >= before


def test_environments_can_be_looked_at_but_not_moved() -> None:
    envs = made()
    _, infos = envs.reset(seed=0)
    assert same(np.stack(envs.call("action_masks")), infos["action_mask"].astype(bool))
    assert same(envs.action_masks(), infos["action_mask"].astype(bool))
    assert envs.candidate_shape == envs.get_attr("candidate_shape")[0]
    single: Any = gymnasium.make(ROUTING, **SHORT)
    single.reset(seed=9)
    observation, _ = single.restore(envs.call("snapshot")[2])
    assert same(observation, envs.batch.rows.seen[2])
    with pytest.raises(EnvError, match="restore: the episodes of a batch are moved together"):
        envs.call("restore", single.snapshot())


def test_pictures() -> None:
    envs = made(n=2, render_mode="ansi")
    envs.reset(seed=0)
    assert all(text.startswith("t =") for text in envs.render())


def test_a_limit_of_steps_truncates() -> None:
    envs = made(max_episode_steps=3)
    envs.reset(seed=0)
    truncated = [envs.step([0, 0, 0])[3].any() for _ in range(6)]
    assert truncated == [False, False, True] * 2
