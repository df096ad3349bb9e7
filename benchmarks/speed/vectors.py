"""Many environments at once: batches beside a single environment and the vectors of others, under random actions.

Rates are per second of wall time, since threads and processes are what is compared.
"""

import time
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from benchmarks.environments import ACTIONS, CARTPOLE, ROUTING
from benchmarks.measure import Task, interleave
from benchmarks.sb3_vectors import DUMMY, SUBPROCESSES, vectors
from benchmarks.speed.parts import Report
from benchmarks.speed.rows import Bar, rate_rows, ratio
from benchmarks.speed.sizes import VECTOR

SIZES = (1, 16, 64, 256, 1024)
N, WIDE = VECTOR, 256
STEPS = 32_768
SLOW, SLOW_STEPS = (SUBPROCESSES, DUMMY), 6_400
"""Vectors that take far longer for a step, and their steps."""

SINGLE, CARTPOLES = "single environment, steps", f"CartPole-v1, native vector of {N}, steps"


def measure(rounds: int, quick: bool, report: Report) -> None:
    """See the module."""
    steps = STEPS // 4 if quick else STEPS
    rollouts = vectors(N)
    tasks = {
        SINGLE: single_steps(gymnasium.make(ROUTING), steps),
        **{batch(n): vector_steps(gymnasium.make_vec(ROUTING, num_envs=n), max(steps, 4 * n)) for n in SIZES},
        CARTPOLES: vector_steps(
            gymnasium.make_vec(CARTPOLE, num_envs=N, vectorization_mode="vector_entry_point"), 8 * steps
        ),
        **{
            rollout(name): rollout_steps(vec_env, SLOW_STEPS if name in SLOW else steps)
            for name, vec_env in rollouts.items()
        },
    }
    for rates in interleave(tasks, rounds):
        report(
            [
                *rate_rows(rates, "/ s"),
                ratio(rates, batch(N), SINGLE, Bar(3.0), f"batch of {N} / single environment"),
                ratio(rates, batch(N), rollout(SUBPROCESSES), Bar(20.0), f"batch of {N} / SubprocVecEnv of {N}"),
                ratio(rates, batch(WIDE), batch(N), Bar(0.75), f"batch of {WIDE} / batch of {N}"),
            ]
        )


def batch(n: int) -> str:
    """Name of the row of a batch."""
    return f"batch of {n}, steps"


def rollout(name: str) -> str:
    """Name of the row of a vector of Stable-Baselines3."""
    return f"rollouts, {name} of {N}, steps"


def single_steps(env: gymnasium.Env, steps: int) -> Task:
    """Task: steps of one environment."""
    actions = np.random.default_rng(0).integers(0, env.action_space.n, ACTIONS).tolist()  # type: ignore[attr-defined]
    env.reset(seed=0)

    def run() -> tuple[float, float]:
        begun_s = time.perf_counter()
        for number in range(steps):
            _, _, terminated, truncated, _ = env.step(actions[number % ACTIONS])
            if terminated or truncated:
                env.reset()
        return steps, time.perf_counter() - begun_s

    return run


def vector_steps(envs: Any, steps: int) -> Task:
    """Task: steps of a vector environment of Gymnasium."""
    envs.reset(seed=0)
    return _steps(envs.step, envs.num_envs, envs.single_action_space.n, steps)


def rollout_steps(vec_env: VecEnv, steps: int) -> Task:
    """Task: steps of a vector environment of Stable-Baselines3."""
    vec_env.reset()
    return _steps(vec_env.step, vec_env.num_envs, vec_env.action_space.n, steps)  # type: ignore[attr-defined]


def _steps(step: Any, n: int, n_actions: int, steps: int) -> Task:
    actions = np.random.default_rng(0).integers(0, n_actions, (ACTIONS, n))
    calls, at = max(1, steps // n), 0

    def run() -> tuple[float, float]:
        nonlocal at
        begun_s = time.perf_counter()
        for _ in range(calls):
            step(actions[at % ACTIONS])
            at += 1
        return calls * n, time.perf_counter() - begun_s

    return run
