"""What Stable-Baselines3 finds in a batch is what it finds in its own vector of monitored environments."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from gymnasium.wrappers import TimeLimit
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecNormalize

from agentsim_env import envs
from agentsim_env.envs.errors import EnvError
from agentsim_env.registration import ENVIRONMENTS
from tests.envs.test_environments import SHORT, same

ROUTING = "AgentSim/Routing-v1"
made: Any = envs.make_sb3_vec


@pytest.mark.parametrize("limit", [None, 9])
def test_is_the_vector_of_monitored_environments(limit: int | None) -> None:
    short = SHORT | {"overrides": [*SHORT["overrides"], "episode.programs=8"]}
    theirs = make_vec_env(ROUTING, n_envs=3, seed=5, env_kwargs=short | {"max_episode_steps": limit})
    ours = made("Routing", n_envs=3, seed=5, max_episode_steps=limit, **short)
    assert same(ours.reset(), theirs.reset())
    assert same(ours.reset_infos, theirs.reset_infos)
    rng, ended = np.random.default_rng(0), 0
    while ended < 4:
        actions = rng.integers(0, 3, 3)
        *stepped, infos = ours.step(actions)
        *expected, their_infos = theirs.step(actions)
        assert same(stepped, expected)
        assert same(get_action_masks(ours), get_action_masks(theirs))
        for done, info, wanted in zip(stepped[-1], infos, their_infos, strict=True):
            assert info["TimeLimit.truncated"] == wanted["TimeLimit.truncated"]
            if done:
                ended += 1
                del info["episode"]["t"], wanted["episode"]["t"]
                assert same(info, wanted)


def test_names() -> None:
    assert made("routing", **SHORT).num_envs == 1
    assert made("AgentSim/Routing-v1", **SHORT).num_envs == 1
    with pytest.raises(EnvError, match="no environment 'Rooting'; there are: AgentSim/Routing-v1"):
        made("Rooting")


@pytest.mark.parametrize("identifier", ENVIRONMENTS)
def test_of_every_environment(identifier: str) -> None:
    vec_env = made(identifier, n_envs=2, **SHORT)
    assert vec_env.reset().shape == (2, *vec_env.observation_space.shape)
    assert vec_env.step(np.zeros(2, int))[0].dtype == np.float32


def test_attributes_and_methods() -> None:
    vec_env = made("Routing", n_envs=3, **SHORT)
    vec_env.reset()
    assert is_masking_supported(vec_env)
    assert vec_env.env_is_wrapped(Monitor) == [True] * 3
    assert vec_env.env_is_wrapped(TimeLimit) == [False] * 3
    assert vec_env.get_attr("candidate_shape", indices=1) == [vec_env.envs[0].candidate_shape]
    assert not vec_env.has_attr("flight_mode")
    vec_env.set_attr("flight_mode", 7, indices=[0, 2])
    assert vec_env.get_attr("flight_mode", indices=[0, 2]) == [7, 7]
    assert len(vec_env.env_method("figures", indices=[0])) == 1
    vec_env.step(np.zeros(3, int))
    assert all(elapsed_s >= 0.0 for elapsed_s in vec_env.get_attr("elapsed_s"))
    with pytest.raises(EnvError, match="reset: the episodes of a batch are moved together"):
        vec_env.env_method("reset")


def test_learners_and_wrappers_take_it() -> None:
    short = SHORT | {"overrides": [*SHORT["overrides"], "episode.programs=4"]}
    vec_env: Any = VecNormalize(made("Routing", n_envs=2, seed=0, **short), norm_obs=False)
    model = MaskablePPO("MlpPolicy", vec_env, n_steps=16, batch_size=16, n_epochs=1)
    model.learn(64)
    mean: Any
    mean, _ = evaluate_policy(model, made("Routing", n_envs=2, **short), n_eval_episodes=2, warn=True)
    assert mean < 0.0


def test_the_environments_do_not_bring_a_learner() -> None:
    code = (
        "import sys, gymnasium, agentsim_env.envs; gymnasium.make('AgentSim/Routing-v1');"
        " print(sorted({'torch', 'stable_baselines3'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
