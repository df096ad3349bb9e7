from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentsim_env import Scenario, load_scenario
from agentsim_env.training.config import create_run

TINY = [
    "workload.arrivals={process: poisson, rate_per_s: 4.0}",
    "episode={programs: 6, warmup_programs: 1}",
    "cluster.instances.0.count=3",
]
"""Makes a scenario of the library one whose episodes take milliseconds, without a measurement of its capacity."""


@pytest.fixture(scope="session")
def tiny() -> Scenario:
    return load_scenario("tool_chat", TINY)


@pytest.fixture
def new_run(tiny: Scenario, tmp_path: Path) -> Callable[..., Path]:
    """Makes the folder of a training run that takes a second."""
    small = {
        "ppo": ["n_steps=32", "batch_size=32", "n_epochs=2"],
        "maskable_ppo": ["n_steps=32", "batch_size=32", "n_epochs=2"],
        "a2c": [],
        "es": ["pairs=1"],
        "dqn": ["buffer_size=500", "learning_starts=50", "batch_size=16"],
    }

    def make(algo: str = "ppo", name: str = "run", **changes: Any) -> Path:
        hyper = [*small[algo], "width=16", *changes.pop("hyper", [])]
        arguments: dict[str, Any] = {
            "scenario": tiny,
            "steps": 256,
            "envs": 2,
            "validation_every": 128,
            "validation_episodes": 2,
            "checkpoint_every": 64,
            "out": tmp_path / name,
        }
        return create_run("routing", algo, hyper=hyper, **(arguments | changes))

    return make


@pytest.fixture
def mooncake(tmp_path: Path) -> Path:
    """A trace of twenty programs of one turn."""
    lines = [
        f'{{"timestamp": {1000 * i}, "input_length": {600 + i}, "output_length": 20, "hash_ids": [0, {i + 1}]}}'
        for i in range(20)
    ]
    path = tmp_path / "trace.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path
