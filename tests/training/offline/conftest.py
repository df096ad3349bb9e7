from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentsim_env import Scenario, load_scenario
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
