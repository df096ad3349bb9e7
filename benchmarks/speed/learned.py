"""Learned policies: an exported agent beside the model that it was exported from, and an evolution strategy."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gymnasium
import numpy as np
import torch

from agentsim_env import Scenario, Simulator
from agentsim_env.agents.linear_policy import LinearPolicy
from agentsim_env.agents.protocol import candidates_of
from agentsim_env.envs.compiled_play import CompiledPlay
from agentsim_env.policies.weights import LinearWeights
from agentsim_env.training.compiled import compiled_play
from agentsim_env.training.config import RunConfig, create_run, load_run
from agentsim_env.training.environments import find_environment, make_environment
from agentsim_env.training.evolution.population import Population
from agentsim_env.training.model import make_model, make_vec_env, present_agent
from benchmarks.measure import Task, interleave
from benchmarks.speed.parts import Report
from benchmarks.speed.rows import Bar, rate_rows, ratio

EXPORTED, PREDICT = "exported agent, decisions", "model.predict and step, decisions"
SEARCH = "evolution strategy, linear scorer, episodes"
EPISODES = 4


def measure(rounds: int, quick: bool, report: Report) -> None:
    """See the module."""
    torch.set_num_threads(1)
    env, model, player = trained()
    tasks = {
        EXPORTED: exported(Simulator(env.unwrapped.scenario, agent_kinds=(player.kind,)), player),
        PREDICT: predict(env, model, episodes=1 if quick else EPISODES),
        SEARCH: search(),
    }
    for rates in interleave(tasks, rounds):
        rows = [row._replace(bar=Bar(50.0) if row.name == SEARCH else None) for row in rate_rows(rates, "/ s")]
        report([*rows, ratio(rates, EXPORTED, PREDICT, Bar(20.0), "exported agent / model.predict and step")])


def trained() -> tuple[Any, Any, CompiledPlay]:
    """The environment, a model of `agentsim train` in it as it begins, and what plays its exported policy."""
    config, scenario = run_of("ppo")
    vec_env = make_vec_env(config, scenario)
    model = make_model(config, vec_env)
    agent: Any = present_agent(model, config, vec_env)
    env = make_environment("routing", scenario)
    agent.bind(env)
    player = compiled_play(agent, env)
    assert player is not None
    return env, model, player


def run_of(algo: str) -> tuple[RunConfig, Scenario]:
    """What `agentsim train routing` would train."""
    with TemporaryDirectory() as folder:
        return load_run(create_run("routing", algo, out=Path(folder) / "run"))


def exported(simulator: Simulator, player: CompiledPlay) -> Task:
    """Task: episodes of the exported policy inside the simulation, with their figures."""

    def run() -> tuple[float, float]:
        decisions, begun_s = 0, time.perf_counter()
        for seed in range(2 * EPISODES):
            simulator.reset(seed)
            decisions += player.play(simulator)
            simulator.summary()
        return decisions, time.perf_counter() - begun_s

    return run


def predict(env: gymnasium.Env, model: Any, episodes: int) -> Task:
    """Task: episodes of the model as one is evaluated with Stable-Baselines3."""

    def run() -> tuple[float, float]:
        decisions, begun_s = 0, time.perf_counter()
        for seed in range(episodes):
            observation, _ = env.reset(seed=seed)
            ended = False
            while not ended:
                action, _ = model.predict(observation, deterministic=True)
                observation, _, terminated, truncated, _ = env.step(int(action))
                decisions += 1
                ended = terminated or truncated
        return decisions, time.perf_counter() - begun_s

    return run


def search() -> Task:
    """Task: a generation of `--algo es` around zero, of linear policies on the default scenario, on all cores."""
    config, scenario = run_of("es")
    candidates = candidates_of(make_environment("routing", scenario))
    n, values = len(candidates.feature_names), config.hyperparameters
    weights = LinearWeights(np.zeros((n, 1), np.float32))
    scorer = LinearPolicy(weights, candidates.feature_names, candidates.allowed_feature).scorer
    assert scorer is not None
    kind = find_environment("routing").kinds[0]
    population = Population(kind, scenario, (candidates.n_rows, n), scorer, config.n_envs)
    offsets = np.random.default_rng(config.seed).standard_normal((2 * values["pairs"], n))
    members = (values["sigma"] * offsets).astype(np.float32)

    def run() -> tuple[float, float]:
        begun_s = time.perf_counter()
        returns, _ = population.returns(members, range(config.n_envs))
        return returns.size, time.perf_counter() - begun_s

    return run
