from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim_env import Scenario, load_scenario
from agentsim_env.agents import LinearPolicy, candidates_of
from agentsim_env.policies.weights import LinearWeights
from agentsim_env.training.environments import make_environment
from agentsim_env.training.offline.collect import collect
from agentsim_env.training.offline.store import DataSet

pytest.importorskip("minari", reason="without minari there are no data sets")


@pytest.fixture(autouse=True)
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Minari looks for data sets."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    return tmp_path / "minari"


@pytest.fixture
def collected(tiny: Scenario) -> Callable[..., DataSet]:
    """Collects a few tiny episodes."""

    def make(agent: str = "lmetric", overrides: Sequence[str] = (), **changes: Any) -> DataSet:
        scenario = load_scenario(tiny, overrides) if overrides else tiny
        arguments: dict[str, Any] = {"episodes": 3} | changes
        return collect("routing", scenario, agent, **arguments)

    return make


@pytest.fixture
def a_policy(tiny: Scenario, tmp_path: Path) -> Path:
    """A linear router of any weights."""
    columns = candidates_of(make_environment("routing", tiny))
    weight = np.random.default_rng(3).normal(size=(len(columns.feature_names), 1)).astype(np.float32)
    policy = LinearPolicy(LinearWeights(weight), columns.feature_names, columns.allowed_feature)
    return policy.save(tmp_path / "a_policy.safetensors")
