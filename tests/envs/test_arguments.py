"""The arguments that all environments share: the size of rewards, and where workloads are from."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from stable_baselines3.common.env_util import make_vec_env

from agentsim_env.envs.errors import EnvError
from agentsim_env.envs.joint import JointEnv
from agentsim_env.envs.routing import RoutingEnv
from agentsim_env.envs.splits import SPLITS, TEST, TRAINING, VALIDATION
from agentsim_env.registration import AS_V0, ENVIRONMENTS, previous
from tests.small import PLAIN, play, small

COUNTED = 10
"""Counted programs of an episode of the scenario `equal`."""


def total(env: RoutingEnv, seed: int = 1) -> tuple[float, dict[str, Any]]:
    rewards, info = play(env, seed)
    return float(np.sum(rewards)), info


def test_rewards_are_multiplied_by_the_counted_programs() -> None:
    plain, _ = total(RoutingEnv(small("equal"), split=None, reward_scale=1.0))
    found, info = total(RoutingEnv(small("equal"), split=None))
    assert info["reward_scale"] == COUNTED
    assert found == pytest.approx(COUNTED * plain, rel=1e-12)


@pytest.mark.parametrize("scale", [None, 0.01, 7, np.float32(2.5)])
def test_the_return_over_its_scale_is_minus_the_cost(scale: Any) -> None:
    env = RoutingEnv(small("graphs"), reward_scale=scale)
    found, info = total(env)
    unit_s = env.scenario.reward.unit_s
    assert -found / info["reward_scale"] * unit_s == pytest.approx(info["mean_cost_s"], rel=1e-9)


def test_the_size_of_rewards_does_not_depend_on_the_length_of_an_episode() -> None:
    def mean_reward(programs: int) -> float:
        rewards, _ = play(RoutingEnv(small("equal", {"episode.programs": programs})), seed=0)
        return float(np.mean(rewards))

    assert mean_reward(12) == pytest.approx(mean_reward(48), rel=0.5)


@pytest.mark.parametrize("scale", [0, -1.0, float("nan"), float("inf"), 1e10, "1", True, [1.0]])
def test_a_scale_is_a_number_above_nothing(scale: Any) -> None:
    with pytest.raises(EnvError, match=r"^reward_scale .*: must be a number from 1e-09 to 1e\+09, or None"):
        RoutingEnv(small("equal"), reward_scale=scale)


@pytest.mark.parametrize(("name", "split"), SPLITS.items())
def test_numbers_count_the_workloads_of_a_split(name: str, split: Any) -> None:
    env = RoutingEnv(small("equal"), split=name)
    for number in (0, 3, len(split.seeds)):
        env.reset(seed=number)
        assert env.simulator.seed == split.seeds[number % len(split.seeds)]
    env.reset()
    assert env.simulator.seed in split.seeds


def test_without_a_split_a_seed_is_that_of_the_workload() -> None:
    env = RoutingEnv(small("equal"), split=None)
    env.reset(seed=3)
    assert env.simulator.seed == 3


def test_seeding_as_one_likes_trains_on_training_workloads() -> None:
    vec_env = make_vec_env("AgentSim/Routing-v1", n_envs=2, seed=7, env_kwargs={"scenario": small("equal")})
    vec_env.reset()
    assert [simulator.seed for simulator in vec_env.get_attr("simulator")] == list(TRAINING.seeds[7:9])
    vec_env.close()


@pytest.mark.parametrize("split", ["training", "Test", "", 1, True])
def test_unknown_splits_are_refused(split: Any) -> None:
    with pytest.raises(EnvError, match="allowed are 'train', 'validation', 'test' and None, all workloads"):
        JointEnv(small("equal"), split=split)


def test_splits_of_a_trace_have_no_program_in_common(tmp_path: Path) -> None:
    lines = [
        f'{{"timestamp": {1000 * i}, "input_length": {600 + i}, "output_length": 20, "hash_ids": [0, {i + 1}]}}'
        for i in range(20)
    ]
    (tmp_path / "trace.jsonl").write_text("\n".join(lines) + "\n")
    scenario = {
        "extends": "tool_chat",
        "workload": {"trace": {"path": str(tmp_path / "trace.jsonl")}, "arrivals": {"rate_per_s": 4.0}},
        "episode": {"programs": 4, "warmup_programs": 0},
    }
    seen = {}
    for name in (*SPLITS, None):
        env = RoutingEnv(scenario, split=name)
        drawn = [env.simulator.source.draw(seed).turn["prompt_tokens"] for seed in range(20)]
        seen[name] = {int(tokens) for episode in drawn for tokens in episode}
    assert seen["test"] == set(range(616, 620))
    assert seen["validation"] == set(range(612, 616))
    assert seen["train"] <= set(range(600, 612))
    assert seen[None] > seen["test"]
    with pytest.raises(EnvError, match=r"test split come from 80% to 100% of the trace.*split=None has all of it"):
        RoutingEnv(scenario, ["episode.programs=5"], split="test")


@pytest.mark.filterwarnings("ignore:.*out of date")
@pytest.mark.parametrize("identifier", ENVIRONMENTS)
def test_version_0_is_what_it_was(identifier: str) -> None:
    spec = gymnasium.spec(previous(identifier))
    assert (spec.entry_point, spec.kwargs) == (ENVIRONMENTS[identifier], AS_V0)


@pytest.mark.filterwarnings("ignore:.*out of date")
def test_version_0_plays_the_workload_of_a_seed_at_the_old_size() -> None:
    old: Any = gymnasium.make("AgentSim/Routing-v0", scenario=small("equal"))
    new = RoutingEnv(small("equal"), **PLAIN)
    assert old.reset(seed=3)[0].tolist() == new.reset(seed=3)[0].tolist()
    assert old.simulator.seed == 3
    assert old.step(0)[1] == new.step(0)[1]


def test_version_0_says_what_to_write() -> None:
    with pytest.warns(DeprecationWarning, match="AgentSim/Routing-v0 is out of date.*v1"):
        gymnasium.make("AgentSim/Routing-v0", scenario=small("equal"))


def test_the_first_seeds_of_the_splits_do_not_meet() -> None:
    assert {TEST.first(1)[0], VALIDATION.first(1)[0], TRAINING.first(1)[0]} == {0, 500_000, 1_000_000}
