"""What every registered environment promises: Gymnasium's contract, SB3's, seeding, copies, pictures."""

import copy
import json
import pickle
import re
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from sb3_contrib.common.maskable.utils import get_action_masks
from sb3_contrib.common.wrappers import ActionMasker
from stable_baselines3.common.env_checker import check_env as check_env_sb3
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.monitor import Monitor

from agentsim_env import SimulationError
from agentsim_env.actions import ActionError
from agentsim_env.agents import AgentError, candidates_of
from agentsim_env.envs.decision_env import KindEnv
from agentsim_env.envs.splits import TRAINING
from agentsim_env.registration import ENVIRONMENTS

SHORT: dict[str, Any] = {
    "scenario": "tool_chat",
    "overrides": [
        "workload.arrivals={process: poisson, rate_per_s: 20.0}",
        "cluster.instances=[{gpu: RTX 4090, count: 2, kv_blocks: 1000},"
        " {gpu: RTX 4090, kv_blocks: 1000, mode: two_lanes}]",
        "decisions.control_period_s=0.05",
        "cluster.tiers=[{kind: dram, capacity_gib: 4, link_gb_per_s: 10.0}]",
        "episode={programs: 40, warmup_programs: 1}",
    ],
}

pytestmark = pytest.mark.parametrize("identifier", ENVIRONMENTS)


@pytest.fixture
def env(identifier: str) -> Iterator[gymnasium.Env]:
    env = gymnasium.make(identifier, **SHORT)
    yield env
    env.close()


def rollout(env: gymnasium.Env, seed: int, steps: int = 60) -> list[Any]:
    """What `steps` random actions see, over as many episodes as it takes."""
    env.action_space.seed(seed)
    seen: list[Any] = [env.reset(seed=seed)]
    for _ in range(steps):
        step = env.step(env.action_space.sample(seen[-1][-1]["action_mask"]))
        seen.append(step)
        if step[2] or step[3]:
            seen.append(env.reset())
    return seen


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def test_gymnasium_checker_has_no_complaint(env: gymnasium.Env) -> None:
    check_env(env.unwrapped)


def test_sb3_checker_has_no_complaint(env: gymnasium.Env) -> None:
    check_env_sb3(env.unwrapped)


def test_two_environments_with_one_seed_show_the_same(env: gymnasium.Env, identifier: str) -> None:
    assert same(rollout(env, seed=5), rollout(gymnasium.make(identifier, **SHORT), seed=5))
    assert not same(rollout(env, seed=5), rollout(env, seed=6))


def test_seeds_that_the_environment_draws_itself_are_of_its_split_and_new(env: gymnasium.Env) -> None:
    env.reset(seed=3)
    simulator = env.get_wrapper_attr("simulator")
    assert simulator.seed == TRAINING.seeds[3]
    drawn = []
    for _ in range(4):
        env.reset()
        drawn.append(simulator.seed)
    assert all(seed in TRAINING.seeds for seed in drawn)
    assert len(set(drawn)) == 4
    env.reset(seed=3)
    env.reset()
    assert simulator.seed == drawn[0]


def test_values_stay_in_their_spaces_and_are_plain(env: gymnasium.Env) -> None:
    for i, (observation, *rest, info) in enumerate(rollout(env, seed=1, steps=150)):
        assert env.observation_space.contains(observation), i
        assert np.isfinite(observation).all()
        assert info["action_mask"].dtype == np.int8
        if not rest:
            continue
        reward, terminated, truncated = rest
        assert type(reward) is float
        assert np.isfinite(reward)
        assert type(terminated) is bool
        assert type(truncated) is bool
        numbers = {name: value for name, value in info.items() if name not in ("action_mask", "decision_kind")}
        assert numbers.keys() >= {"time_s", "elapsed_s"}
        assert (len(numbers) > 2) == (terminated or truncated), "figures come with the last step"
        assert all(type(value) in (int, float) and np.isfinite(value) for value in numbers.values())


def test_nothing_handed_out_is_used_again(env: gymnasium.Env) -> None:
    seen = rollout(env, seed=2, steps=8)
    arrays = [array for observation, *_, info in seen for array in (observation, info["action_mask"])]
    kept = copy.deepcopy(arrays)
    rollout(env, seed=3, steps=8)
    assert same(arrays, kept)
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


def test_mask_is_the_same_everywhere(env: gymnasium.Env) -> None:
    _, info = env.reset(seed=0)
    for _ in range(20):
        mask = env.get_wrapper_attr("action_masks")()
        assert mask.dtype == bool
        assert mask.shape == (env.get_wrapper_attr("candidate_shape")[0],)
        assert mask.any()
        assert np.array_equal(mask, info["action_mask"])
        *_, info = env.step(env.action_space.sample(info["action_mask"]))


def test_observation_folds_into_named_rows(env: gymnasium.Env) -> None:
    rows, columns = env.get_wrapper_attr("candidate_shape")
    assert env.observation_space.shape == (rows * columns,)
    assert len(env.get_wrapper_attr("feature_names")) == columns


def test_docstring_documents_every_feature_and_its_bounds(env: gymnasium.Env) -> None:
    if not isinstance(env.unwrapped, KindEnv):
        pytest.skip("a table that is made of others, see test_joint.py")
    table = re.findall(r"^\s*\| (\d+) \| (\w+) \| .* \| (-?\d) \| (-?\d) \|$", type(env.unwrapped).__doc__ or "", re.M)
    names = env.get_wrapper_attr("feature_names")
    hints = env.unwrapped.question.hints.names
    # Scenarios whose programs report have the hints, too.
    assert [(int(number), name) for number, name, _, _ in table] == list(enumerate([*names, *hints]))
    rows = np.array([observation.reshape(-1, len(names)) for observation, *_ in rollout(env, seed=4, steps=150)])
    for column, (_, name, low, high) in enumerate(table[: len(names)]):
        assert rows[..., column].min() >= float(low), name
        assert rows[..., column].max() <= float(high), name


@pytest.mark.parametrize("section", ["Description", "Observation Space", "Action Space", "Rewards", "Starting State"])
def test_docstring_is_a_page(identifier: str, section: str) -> None:
    assert f"## {section}\n" in (type(gymnasium.make(identifier, **SHORT).unwrapped).__doc__ or "")


def test_actions_outside_the_space_raise(env: gymnasium.Env) -> None:
    env.reset(seed=0)
    n = env.get_wrapper_attr("candidate_shape")[0]
    for action in (-1, n, np.int64(n), np.array([1]), 1.7, "1", None, True):
        with pytest.raises(ActionError, match=rf"outside Discrete\({n}\): actions are 0 to {n - 1}"):
            env.unwrapped.step(action)  # type: ignore[arg-type]
    env.unwrapped.step(np.int64(n - 1))
    env.unwrapped.step(np.array(0))  # type: ignore[arg-type]


def test_every_step_says_when_it_is(env: gymnasium.Env) -> None:
    simulator = env.get_wrapper_attr("simulator")
    _, info = env.reset(seed=0)
    assert (info["time_s"], info["elapsed_s"]) == (simulator.now, 0.0)
    over = False
    while not over:
        before_s = info["time_s"]
        _, _, terminated, truncated, info = env.step(env.action_space.sample(info["action_mask"]))
        assert info["time_s"] == simulator.now
        assert info["elapsed_s"] == info["time_s"] - before_s >= 0.0
        over = terminated or truncated


STACKS: dict[str, Any] = {
    "none": lambda env: env,
    "time limit": lambda env: wrappers.TimeLimit(env, 50),
    "order": lambda env: wrappers.PassiveEnvChecker(wrappers.OrderEnforcing(env)),
    "statistics": wrappers.RecordEpisodeStatistics,
    "flat": wrappers.FlattenObservation,
    "normalised": lambda env: wrappers.NormalizeReward(wrappers.NormalizeObservation(env)),
    "stacked": lambda env: wrappers.FrameStackObservation(env, 2),
    "monitor": Monitor,
    "masker": lambda env: ActionMasker(env, lambda inner: inner.get_wrapper_attr("action_masks")()),
    "many": lambda env: Monitor(wrappers.RecordEpisodeStatistics(wrappers.TimeLimit(wrappers.Autoreset(env), 50))),
}


@pytest.mark.parametrize("stack", STACKS)
def test_what_is_special_can_be_reached_through_wrappers(env: gymnasium.Env, stack: str) -> None:
    inner: Any = env.unwrapped
    wrapped: Any = STACKS[stack](env)
    _, info = wrapped.reset(seed=0)
    assert wrapped.get_wrapper_attr("candidate_shape") == inner.candidate_shape
    assert wrapped.get_wrapper_attr("feature_names") == inner.feature_names
    for masks in (
        wrapped.get_wrapper_attr("action_masks")(),
        get_action_masks(wrapped),
        wrapped.unwrapped.action_masks(),
    ):
        assert np.array_equal(masks, info["action_mask"])
    snapshot = wrapped.get_wrapper_attr("snapshot")()
    wrapped.get_wrapper_attr("restore")(snapshot)
    assert wrapped.get_wrapper_attr("simulator") is inner.simulator
    if stack == "stacked":
        with pytest.raises(AgentError, match=r"observations of shape \(2, \d+\) do not fold into"):
            candidates_of(wrapped)
    else:
        assert candidates_of(wrapped).feature_names == inner.feature_names


@pytest.mark.parametrize("most", [None, 30])
def test_what_is_made_by_id_has_all_that_is_special(identifier: str, most: int | None) -> None:
    """By its name, with a limit of steps too."""
    env: Any = gymnasium.make(identifier, max_episode_steps=most, **SHORT)
    _, info = env.reset(seed=0)
    inner = env.unwrapped
    assert np.array_equal(env.action_masks(), info["action_mask"])
    assert (env.candidate_shape, env.feature_names) == (inner.candidate_shape, inner.feature_names)
    assert env.simulator is inner.simulator
    snapshot = env.snapshot()
    first = env.step(0)
    env.restore(snapshot)
    assert same(env.step(0), first)
    with pytest.raises(AttributeError, match="no attribute 'flight_mode'"):
        env.flight_mode  # noqa: B018
    assert same(copy.deepcopy(env).step(0), pickle.loads(pickle.dumps(env)).step(0))


def test_a_limit_of_steps_leaves_figures_too(identifier: str) -> None:
    env: Any = gymnasium.make(identifier, max_episode_steps=30, **SHORT)
    _, info = env.reset(seed=0)
    terminated = truncated = False
    observation = np.zeros(0)
    while not truncated:
        assert "programs" not in info
        observation, _, terminated, truncated, info = env.step(env.action_space.sample(info["action_mask"]))
    assert not terminated
    assert observation.any()
    summary = env.simulator.summary()
    figures = {name: value for name, value in info.items() if name in summary}
    assert figures == {name: summary[name] for name in figures}
    assert figures["programs_unfinished"] > 0.0
    assert {"refused_actions", "seed"} <= info.keys()


def test_masks_come_through_vectors(identifier: str) -> None:
    vec_env = make_vec_env(identifier, n_envs=2, seed=0, env_kwargs=SHORT)
    vec_env.reset()
    masks = np.stack(vec_env.env_method("action_masks"))
    assert np.array_equal(masks, get_action_masks(vec_env))
    assert vec_env.get_attr("candidate_shape")[0] == (masks.shape[1], len(vec_env.get_attr("feature_names")[0]))
    vec_env.close()
    vector: Any = gymnasium.make_vec(identifier, num_envs=2, vectorization_mode="sync", **SHORT)
    _, info = vector.reset(seed=[0, 1])
    assert np.array_equal(np.stack(vector.call("action_masks")), info["action_mask"])
    vector.close()


def test_steps_need_an_episode(env: gymnasium.Env) -> None:
    inner = env.unwrapped
    with pytest.raises(SimulationError, match=r"^no episode has begun: call reset\(\)$"):
        inner.step(0)
    inner.reset(seed=0)
    while not inner.step(0)[2]:
        pass
    with pytest.raises(SimulationError, match=r"^the episode is over: call reset\(\)$"):
        inner.step(0)


def test_spec_survives_json_and_pickle(env: gymnasium.Env) -> None:
    spec = env.spec
    assert spec is not None
    for again in (EnvSpec.from_json(spec.to_json()), pickle.loads(pickle.dumps(spec))):
        assert same(rollout(gymnasium.make(again), seed=1, steps=5), rollout(env, seed=1, steps=5))
    assert json.loads(spec.to_json())["kwargs"]["overrides"] == SHORT["overrides"]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["copy", "pickle"])
def test_a_copy_goes_its_own_way(env: gymnasium.Env, copied: Any) -> None:
    inner = env.unwrapped
    _, info = inner.reset(seed=0)
    for _ in range(10):
        *_, info = inner.step(int(np.flatnonzero(info["action_mask"])[0]))
    branch, twin = copied(inner), copied(inner)
    last = len(info["action_mask"]) - 1
    expected = [inner.step(last) for _ in range(5)]
    assert same([branch.step(last) for _ in range(5)], expected)
    assert same([twin.step(last) for _ in range(5)], expected)


def test_render_modes(identifier: str) -> None:
    pictures = {}
    for mode in gymnasium.make(identifier, **SHORT).metadata["render_modes"]:
        env = gymnasium.make(identifier, render_mode=mode, **SHORT)
        env.reset(seed=0)
        env.step(0)
        pictures[mode] = env.render()
        env.close()
        env.close()
    assert pictures["rgb_array"].dtype == np.uint8
    assert pictures["rgb_array"].shape[2] == 3
    assert pictures["rgb_array"].std() > 0
    assert pictures["ansi"].count("\n") >= 3
    plain = gymnasium.make(identifier, **SHORT).unwrapped
    make: Any = type(plain)
    with pytest.raises(ValueError, match="render_mode 'human'"):
        make(**SHORT, render_mode="human")
    plain.reset(seed=0)
    assert plain.render() is None


def test_looking_does_not_change_what_happens(identifier: str) -> None:
    watched = gymnasium.make(identifier, render_mode="ansi", **SHORT)
    plain = gymnasium.make(identifier, **SHORT)
    assert same(watched.reset(seed=0), plain.reset(seed=0))
    for _ in range(30):
        watched.render()
        assert same(watched.step(0), plain.step(0))


def test_vectors_of_environments(identifier: str) -> None:
    envs: Any = gymnasium.make_vec(identifier, num_envs=2, vectorization_mode="sync", **SHORT)
    observations, _ = envs.reset(seed=[7, 8])
    single = gymnasium.make(identifier, **SHORT)
    assert same(observations[1], single.reset(seed=8)[0])
    envs.close()
    keywords = ("mean_jct_s", "hit_rate", "refused_actions")
    sb3 = make_vec_env(identifier, n_envs=2, seed=0, env_kwargs=SHORT, monitor_kwargs={"info_keywords": keywords})
    sb3.reset()
    ended = []
    while not ended:
        *_, dones, infos = sb3.step(np.zeros(2, int))
        ended = [info["episode"] for info, done in zip(infos, dones, strict=True) if done]
    assert set(keywords) <= ended[0].keys()
    sb3.close()
