"""An episode of a batch has the bits of the single environment, whatever N is and however many threads there are."""

from typing import Any

import gymnasium
import numpy as np
import pytest

from agentsim_env.envs.batch.batch import Batch
from agentsim_env.registration import ENVIRONMENTS
from tests.envs.test_environments import SHORT, same

DRAWN = 1000
"""Steps for which actions are drawn; the next ones take them again."""

CASES: dict[str, dict[str, Any]] = {
    "time limit": {"overrides": [*SHORT["overrides"], "episode.time_limit_s=1.5"]},
    "failures": {
        "overrides": [
            *SHORT["overrides"],
            "cluster.instances=[{gpu: RTX 4090, count: 3, kv_blocks: 1000, mtbf_s: 2, mttr_s: 0.3}]",
        ]
    },
    "drawn scenarios": {
        "overrides": [
            *SHORT["overrides"],
            "randomize={cluster.view_delay_s: {choice: [0, 0.05]}, cluster.instances.0.count: {uniform: [1, 3]},"
            " workload.arrivals.rate_per_s: {uniform: [10, 30]}}",
        ]
    },
    "late views": {"overrides": [*SHORT["overrides"], "cluster.view_delay_s=0.05"]},
}


@pytest.mark.parametrize("identifier", ENVIRONMENTS)
def test_of_every_environment(identifier: str) -> None:
    compare(identifier, n=3, threads=2)


@pytest.mark.parametrize(("n", "threads"), [(1, 1), (3, 1), (5, 3)])
def test_of_any_number_of_episodes_and_threads(n: int, threads: int) -> None:
    compare("AgentSim/Routing-v1", n=n, threads=threads)


@pytest.mark.parametrize("case", CASES)
def test_in_what_ends_or_stops_an_episode(case: str) -> None:
    compare("AgentSim/Routing-v1", n=2, threads=2, **CASES[case])


def test_of_all_kinds_in_drawn_scenarios() -> None:
    compare("AgentSim/Joint-v1", n=2, threads=2, **CASES["drawn scenarios"])


def test_with_a_limit_of_steps() -> None:
    compare("AgentSim/Routing-v1", n=2, threads=1, most_steps=7)


def compare(identifier: str, n: int, threads: int, most_steps: int | None = None, **arguments: Any) -> None:
    """Steps a batch and single environments with the same actions through several episodes, forbidden ones too."""
    arguments = SHORT | arguments
    arguments["overrides"] = [*arguments["overrides"], "episode.programs=8"]
    env: Any = gymnasium.make(identifier, **arguments).unwrapped
    batch = Batch(env, n, threads=threads, most_steps=most_steps)
    singles = [single(identifier, seed, most_steps, arguments) for seed in range(7, 7 + n)]
    batch.reset(range(7, 7 + n))
    actions = np.random.default_rng(0).integers(0, env.action_space.n, (DRAWN, n))
    for place in range(n):
        check_now(batch, place, next(singles[place]))
    ended, step = np.zeros(n, int), 0
    while ended.min() < 2:
        last = {end.place: end for end in batch.step(actions[step])}
        ended[list(last)] += 1
        for place in range(n):
            observation, reward, terminated, truncated, info = singles[place].send(actions[step, place])
            assert batch.rows.reward[place] == reward
            assert (batch.terminated[place], batch.truncated[place]) == (terminated, truncated)
            assert batch.lasted_s[place] == info["elapsed_s"]
            if terminated or truncated:
                assert same(last[place].observation, observation)
                assert same(last[place].info, info)
                observation, info = next(singles[place])
            check_now(batch, place, (observation, info))
        step = (step + 1) % DRAWN
    batch.close()


def check_now(batch: Batch, place: int, expected: tuple[np.ndarray, dict[str, Any]]) -> None:
    observation, info = expected
    rows = batch.rows
    assert same(rows.seen[place], observation)
    assert same(rows.legal[place], info["action_mask"])
    assert (rows.time_s[place], rows.elapsed_s[place]) == (info["time_s"], info["elapsed_s"])


def single(identifier: str, seed: int, most_steps: int | None, arguments: dict[str, Any]) -> Any:
    """Gives what `reset` returns, then for each action what `step` returns, and after the last one again."""
    env = gymnasium.make(identifier, max_episode_steps=most_steps, **arguments)
    action = yield env.reset(seed=seed)
    while True:
        step = env.step(int(action))
        action = yield step
        if step[2] or step[3]:
            assert action is None
            action = yield env.reset()
