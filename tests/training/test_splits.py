from itertools import pairwise
from pathlib import Path

import pytest

from agentsim_env import Scenario
from agentsim_env.envs.errors import EnvError
from agentsim_env.training.environments import load
from agentsim_env.training.rollouts import workload_hash
from agentsim_env.training.splits import TEST, TRAINING, VALIDATION, training_seed, workloads
from agentsim_env.workload.traces import TraceError

SPLITS = (TEST, VALIDATION, TRAINING)


def test_splits_do_not_meet() -> None:
    seeds = sorted((split.seeds.start, split.seeds.stop) for split in SPLITS)
    parts = sorted(split.trace_part for split in SPLITS)
    for ranges in (seeds, parts):
        assert all(before[1] <= after[0] for before, after in pairwise(ranges))


def test_training_seeds_are_of_the_training_split_and_differ() -> None:
    seeds = {training_seed(run, env, episode) for run in range(3) for env in range(4) for episode in range(50)}
    assert len(seeds) == 3 * 4 * 50
    assert all(seed in TRAINING.seeds for seed in seeds)
    assert training_seed(1, 2, 3) == training_seed(1, 2, 3)


def test_first_seeds() -> None:
    assert TEST.first(3) == (0, 1, 2)
    assert VALIDATION.first(1) == (500_000,)
    with pytest.raises(EnvError, match="number of test seeds must be from 1 to 500000, not 0"):
        TEST.first(0)


def test_splits_of_a_trace_have_no_program_in_common(tiny: Scenario, mooncake: Path) -> None:
    scenario = load(tiny, ["episode={programs: 4, warmup_programs: 0}"], mooncake)
    lengths = {
        split.name: {
            int(tokens) for seed in range(20) for tokens in workloads(scenario, split).draw(seed).turn["prompt_tokens"]
        }
        for split in SPLITS
    }
    assert lengths["test"] == set(range(616, 620))
    assert lengths["validation"] == set(range(612, 616))
    assert lengths["train"] <= set(range(600, 612))


def test_split_too_small_for_an_episode(tiny: Scenario, mooncake: Path) -> None:
    scenario = load(tiny, ["episode.programs=5"], mooncake)
    workloads(scenario, TRAINING)
    said = "test split come from 80% to 100% of the trace: episode.programs = 5: must be from 1 to 4, "
    advice = "for shorter ones say --set episode.programs=N, in training and evaluation alike"
    with pytest.raises(EnvError, match=f"{said}.*; {advice}"):
        workloads(scenario, TEST)


def test_a_broken_trace_is_not_called_too_small(tiny: Scenario, mooncake: Path) -> None:
    mooncake.write_text(mooncake.read_text() + "{\n")
    with pytest.raises(TraceError, match=r"trace\.jsonl:21: not JSON"):
        workloads(load(tiny, (), mooncake), TEST)


def test_hash_is_that_of_the_programs(tiny: Scenario) -> None:
    source = workloads(tiny, TEST)
    assert workload_hash(source.draw(1)) == workload_hash(source.draw(1))
    assert workload_hash(source.draw(1)) != workload_hash(source.draw(2))
