"""Many environments at once: batches beside single environments and the vectors of others, and what PPO makes of them.

    python -m benchmarks.vectors
    python -m benchmarks.vectors --steps 50000 --rounds 5 --sizes 1 16 64 256 1024

Rates are per second of wall time, since threads and processes are what is compared. Tasks take turns, and ratios are
medians of the ratios of the rounds.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import gymnasium
import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import agentsim_env  # noqa: F401  (registers its environments)
from benchmarks.environments import ACTIONS, CARTPOLE, ROUTING, episode_steps
from benchmarks.machine import machine
from benchmarks.measure import Task, interleave, median_ratio

RESULTS = Path(__file__).resolve().parent / "results" / "vectors.json"
SIZES = (1, 16, 64, 256, 1024)
BAR_SIZE, WIDE = 64, 256
PPO_ENVS, PPO_STEPS = 32, 64
SINGLE, SUBPROCESSES, CARTPOLES = "single environment", "SubprocVecEnv, 64", "CartPole-v1, native vector, 64"
OURS, DUMMY, SUBPROCESS, NOTHING = (f"PPO, {name}" for name in ("ours", "DummyVecEnv", "SubprocVecEnv", "do-nothing"))


def main() -> None:
    """Measures, prints and writes the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vectors", description="Many environments at once.")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default: 5)")
    parser.add_argument("--steps", type=int, default=30_000, help="steps of a task (default: 30000)")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of environments in a batch")
    parser.add_argument("--threads", type=int, help="threads of a batch (default: one for each core)")
    parser.add_argument("--no-ppo", action="store_true", help="leave PPO and processes out")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results go (default: %(default)s)")
    given = parser.parse_args()
    tasks = step_tasks(given.steps, given.sizes, given.threads)
    if not given.no_ppo:
        tasks |= {SUBPROCESSES: sb3_steps(_subprocesses(BAR_SIZE), given.steps // 10)} | ppo_tasks(given.steps)
    console = Console()
    for task in tasks.values():
        task()  # compiled, imported, begun
    with console.status("") as status:
        rates = interleave(tasks, given.rounds, status.update)
    show(console, rates)
    content = {"machine": machine(), "per_second": rates, "ratios": ratios(rates)}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def size_name(n: int) -> str:
    """Name of the row of a batch."""
    return f"batch of {n}"


def step_tasks(steps: int, sizes: Any, threads: int | None) -> dict[str, Task]:
    """Steps under random actions, resets included."""
    return {
        SINGLE: single_steps(gymnasium.make(ROUTING), steps),
        **{size_name(n): batch_steps(n, steps, threads) for n in sizes},
        CARTPOLES: vector_steps(
            gymnasium.make_vec(CARTPOLE, num_envs=BAR_SIZE, vectorization_mode="vector_entry_point"), steps * 10
        ),
    }


def ppo_tasks(frames: int) -> dict[str, Task]:
    """PPO of Stable-Baselines3 with its own small network, on 32 environments of four kinds."""
    from stable_baselines3.common.vec_env import DummyVecEnv

    from agentsim_env.envs import make_sb3_vec

    makers: dict[str, Callable[[], Any]] = {
        OURS: lambda: make_sb3_vec(ROUTING, n_envs=PPO_ENVS, seed=0),
        DUMMY: lambda: DummyVecEnv([lambda: gymnasium.make(ROUTING)] * PPO_ENVS),
        SUBPROCESS: lambda: _subprocesses(PPO_ENVS),
        NOTHING: do_nothing,
    }
    return {name: ppo_frames(make(), frames) for name, make in makers.items()}


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


def batch_steps(n: int, steps: int, threads: int | None) -> Task:
    """Task: steps of a batch."""
    return vector_steps(gymnasium.make_vec(ROUTING, num_envs=n, threads=threads), steps)


def vector_steps(envs: Any, steps: int) -> Task:
    """Task: steps of a vector environment of Gymnasium."""
    n, at = envs.num_envs, 0
    actions = np.random.default_rng(0).integers(0, envs.single_action_space.n, (ACTIONS, n))
    envs.reset(seed=0)

    def run() -> tuple[float, float]:
        nonlocal at
        calls = max(1, steps // n)
        begun_s = time.perf_counter()
        for _ in range(calls):
            envs.step(actions[at % ACTIONS])
            at += 1
        return calls * n, time.perf_counter() - begun_s

    return run


def sb3_steps(vec_env: Any, steps: int) -> Task:
    """Task: steps of a vector environment of Stable-Baselines3."""
    actions = np.random.default_rng(0).integers(0, vec_env.action_space.n, (ACTIONS, vec_env.num_envs))
    vec_env.reset()

    def run() -> tuple[float, float]:
        calls = max(1, steps // vec_env.num_envs)
        begun_s = time.perf_counter()
        for number in range(calls):
            vec_env.step(actions[number % ACTIONS])
        return calls * vec_env.num_envs, time.perf_counter() - begun_s

    return run


def ppo_frames(vec_env: Any, frames: int) -> Task:
    """Task: frames of PPO, learning included."""
    import torch
    from stable_baselines3 import PPO

    torch.set_num_threads(1)
    model = PPO("MlpPolicy", vec_env, n_steps=PPO_STEPS, batch_size=512, n_epochs=4, seed=0, device="cpu")

    def run() -> tuple[float, float]:
        before, begun_s = model.num_timesteps, time.perf_counter()
        model.learn(frames // 3, reset_num_timesteps=False)
        return model.num_timesteps - before, time.perf_counter() - begun_s

    return run


def _subprocesses(n: int) -> Any:
    from stable_baselines3.common.vec_env import SubprocVecEnv

    return SubprocVecEnv([_make_routing] * n, start_method="spawn")


def _make_routing() -> gymnasium.Env:
    return gymnasium.make(ROUTING)


def do_nothing() -> Any:
    """A vector environment of Stable-Baselines3 with the spaces and the length of episodes of routing; it does nothing.

    It returns what it has at once for all: what is left is the learner.
    """
    from stable_baselines3.common.vec_env import VecEnv

    env = gymnasium.make(ROUTING)
    length = episode_steps(env)

    class Nothing(VecEnv):
        def reset(self) -> np.ndarray:
            self._steps = 0
            self._seen = np.tile(env.reset(seed=0)[0], (PPO_ENVS, 1))
            return self._seen.copy()

        def step_async(self, actions: np.ndarray) -> None:
            self._steps += 1

        def step_wait(self) -> Any:
            over = self._steps % length == 0
            infos = [{"terminal_observation": self._seen[0]} if over else {} for _ in range(PPO_ENVS)]
            return self._seen.copy(), np.zeros(PPO_ENVS, np.float32), np.full(PPO_ENVS, over), infos

        def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
            return [getattr(env, attr_name)] * PPO_ENVS

        def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
            raise NotImplementedError

        def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> Any:
            raise NotImplementedError

        def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
            return [True] * PPO_ENVS

        def close(self) -> None:
            pass

    return Nothing(PPO_ENVS, env.observation_space, env.action_space)


def ratios(rates: dict[str, list[float]]) -> dict[str, float]:
    """What is asked for, by what is compared."""
    pairs = {
        "batch of 64 / single environment (>= 3)": (size_name(BAR_SIZE), SINGLE),
        "batch of 64 / SubprocVecEnv (>= 20)": (size_name(BAR_SIZE), SUBPROCESSES),
        "batch of 256 / batch of 64 (>= 0.75)": (size_name(WIDE), size_name(BAR_SIZE)),
        "PPO on ours / on the do-nothing one (>= 0.85)": (OURS, NOTHING),
        "PPO on ours / on DummyVecEnv": (OURS, DUMMY),
    }
    return {name: median_ratio(rates, *pair) for name, pair in pairs.items() if rates.keys() >= set(pair)}


def show(console: Console, rates: dict[str, list[float]]) -> None:
    """Prints the tables."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("per second")
    for column in ("median", "least", "most"):
        table.add_column(column, justify="right")
    for name, values in rates.items():
        table.add_row(name, *(f"{value:,.0f}" for value in (median(values), min(values), max(values))))
    console.print(table)
    for name, value in ratios(rates).items():
        console.print(f"{name}: {value:.2f}")


if __name__ == "__main__":
    main()
