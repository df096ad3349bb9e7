"""Frames per second of PPO, learning included, on vectors of 32 environments, and of `agentsim train`."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from agentsim_env.training.config import create_run, load_run
from agentsim_env.training.model import make_model, make_vec_env
from benchmarks.measure import Task, interleave
from benchmarks.sb3_vectors import DUMMY, NOTHING, OURS, vectors
from benchmarks.speed.parts import Report
from benchmarks.speed.rows import Bar, rate_rows, ratio
from benchmarks.speed.sizes import LEARNER

N, CALLS = LEARNER, 64
FRAMES = 3 * N * CALLS

TRAIN = "agentsim train, frames"
TRAIN_DUMMY, TRAIN_NOTHING = (f"the same network on {name}, frames" for name in (DUMMY, NOTHING))


def measure(rounds: int, quick: bool, report: Report) -> None:
    """See the module."""
    torch.set_num_threads(1)
    all_vectors = vectors(N)
    frames = FRAMES // 3 if quick else FRAMES
    tasks = {row(name): frames_of(network_of(vec_env), frames) for name, vec_env in all_vectors.items()}
    own = {TRAIN: None, TRAIN_DUMMY: all_vectors[DUMMY], TRAIN_NOTHING: all_vectors[NOTHING]}
    tasks |= {name: one_rollout(own_model(vec_env)) for name, vec_env in own.items()}
    for rates in interleave(tasks, rounds):
        report(
            [
                *rate_rows(rates, "/ s"),
                ratio(rates, row(OURS), row(NOTHING), Bar(0.85), "PPO on ours / on the do-nothing VecEnv"),
                ratio(rates, row(OURS), row(DUMMY), None, "PPO on ours / on DummyVecEnv"),
                ratio(rates, TRAIN, TRAIN_DUMMY, Bar(3.0), "agentsim train / the same network on DummyVecEnv"),
            ]
        )


def row(name: str) -> str:
    """Name of a row."""
    return f"PPO, {name} of {N}, frames"


def network_of(vec_env: VecEnv) -> PPO:
    """PPO with the network that Stable-Baselines3 takes by default."""
    return PPO("MlpPolicy", vec_env, n_steps=CALLS, batch_size=512, n_epochs=4, seed=0, device="cpu")


def own_model(vec_env: Any = None) -> Any:
    """The model that `agentsim train routing` makes, on its own environments or on others."""
    with TemporaryDirectory() as folder:
        config, scenario = load_run(create_run("routing", "ppo", envs=N, out=Path(folder) / "run"))
    return make_model(config, make_vec_env(config, scenario) if vec_env is None else vec_env)


def one_rollout(model: Any) -> Task:
    """Task: as many frames as the model collects at once."""
    return frames_of(model, model.n_steps * model.n_envs)


def frames_of(model: Any, frames: int) -> Task:
    """Task: so many frames of a model, learning included."""

    def run() -> tuple[float, float]:
        before, begun_s = model.num_timesteps, time.perf_counter()
        model.learn(frames, reset_num_timesteps=False)
        return model.num_timesteps - before, time.perf_counter() - begun_s

    return run
