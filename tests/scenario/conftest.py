"""Small registries, so that the schema is tested without the rules, families and formats that happen to exist."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from agentsim_env.scenario import ScenarioError, load_scenario, registries

RULES = {
    "admit_program": ("admit",),
    "route_turn": ("least_loaded", "random", "session_affinity"),
    "schedule_turn": ("fcfs",),
    "retain_kv": ("leave",),
    "evict_kv": ("lru",),
    "preempt_turn": ("last_admitted",),
    "prefetch_kv": ("none",),
    "set_prefill_budget": ("keep",),
}
RULE_PARAMS = {"route_turn": {"session_affinity": {"threshold": 0.8}}}


class TalkParams(BaseModel):
    """Parameters of the family of the tests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    turns: int = Field(default=3, ge=1, description="Turns of a program.")
    sizes: dict[str, int] = Field(default={}, description="Sizes by kind.")

    @property
    def tool_names(self) -> tuple[str, ...]:
        """Tools of the family."""
        return ("shell", "web")


@pytest.fixture
def known_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the registries."""
    monkeypatch.setattr(registries, "families", lambda: {"talk": SimpleNamespace(params=TalkParams)})
    monkeypatch.setattr(registries, "trace_formats", lambda: ("mooncake", "azure"))
    monkeypatch.setattr(registries, "rules", lambda kind: RULES[kind])
    monkeypatch.setattr(registries, "rule_parameters", lambda kind, rule: RULE_PARAMS.get(kind, {}).get(rule, {}))


SMALL = """\
description: Two instances.
cluster:
  model: Llama-3.1-8B
  instances:
    - {gpu: H100, count: 2}
workload:
  mix:
    - {family: talk}
  arrivals: {process: poisson, load: 0.9}
episode:
  programs: 8
"""


@pytest.fixture
def small(tmp_path: Path, known_names: None) -> Path:
    """A valid scenario in a file."""
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def refused(small: Path) -> Callable[..., str]:
    """The error message for the small scenario with overrides."""

    def refuse(*overrides: str, **values: Any) -> str:
        with pytest.raises(ScenarioError) as caught:
            load_scenario(small, {k.replace("__", "."): v for k, v in values.items()} or overrides)
        return str(caught.value)

    return refuse


@pytest.fixture
def real_names() -> None:
    """Skips a test until the tables of families, formats and rules can be imported."""
    try:
        assert registries.families()
        assert registries.trace_formats()
        assert registries.rules("route_turn")
    except ImportError as error:
        pytest.skip(str(error))
