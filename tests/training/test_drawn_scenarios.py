"""Trainings and evaluations of scenarios that draw something for each episode."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from agentsim_env.scenario.draws import Drawing
from agentsim_env.training import report
from agentsim_env.training.environments import make_environment
from agentsim_env.training.episodes import TrainingEpisodes
from agentsim_env.training.evaluate import evaluate
from agentsim_env.training.splits import TRAINING, workloads
from tests.small import drawn


def training() -> TrainingEpisodes:
    scenario = drawn({"episode": {"programs": 6, "warmup_programs": 1}})
    env: Any = make_environment("routing", scenario).unwrapped
    return TrainingEpisodes(env, 2, workloads(scenario, TRAINING), run_seed=0)


def test_a_training_that_is_resumed_stands_in_the_same_episodes() -> None:
    episodes, rng = training(), np.random.default_rng(0)
    episodes.reset()
    seen: Any = None
    for _ in range(90):
        seen, *_ = episodes.step(rng.integers(0, 4, 2))
    resumed = training()
    assert np.array_equal(resumed.rewind(episodes.tapes), seen)
    assert max(tape.episodes for tape in episodes.tapes) > 1
    assert [env.simulator.drawn for env in resumed.envs] == [env.simulator.drawn for env in episodes.envs]
    after: Any = resumed.step(np.zeros(2, int))[0]
    expected: Any = episodes.step(np.zeros(2, int))[0]
    assert np.array_equal(after, expected)


def test_results_say_what_was_drawn_for_each_seed(tmp_path: Path) -> None:
    scenario = drawn({"episode": {"programs": 6, "warmup_programs": 1}})
    results = evaluate(["least_loaded", "random"], scenario=scenario, seeds=3)
    expected = [Drawing(scenario).of(seed).values for seed in range(3)]
    report.save(results, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["drawn"] == expected
    with (tmp_path / "episodes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [json.loads(row["drawn"]) for row in rows] == [values for values in expected for _ in range(2)]
