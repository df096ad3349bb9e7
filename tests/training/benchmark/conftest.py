from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentsim_env.training.benchmark.outcome import Episodes, Outcome, Played
from agentsim_env.training.benchmark.protocol import benchmark
from agentsim_env.training.benchmark.scores import scores_of
from agentsim_env.training.benchmark.suite import OPPONENTS, Suite

_EPISODE = {"programs": 6, "warmup_programs": 1}


def tiny_suite(**changes: Any) -> Suite:
    """Two cases whose episodes take milliseconds, two seeds each."""
    cases = [
        {
            "name": name,
            "why": "It is small.",
            "scenario": "tool_chat",
            "set": {
                "workload.arrivals": {"process": "poisson", "rate_per_s": rate},
                "episode": _EPISODE,
                "cluster.instances.0.count": 3,
            },
            "seeds": 2,
            "best": "session_affinity",
        }
        for name, rate in (("slow", 4.0), ("fast", 8.0))
    ]
    described = {"description": "Two small cases.", "environment": "routing", "stock": "least_loaded", "cases": cases}
    return Suite.model_validate({**described, **changes})


@pytest.fixture(scope="session")
def suite() -> Suite:
    return tiny_suite()


@pytest.fixture(scope="session")
def outcome(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return benchmark("tiny", suite, ["random", "uniform"], tmp_path_factory.mktemp("benchmark") / "tiny.json")


@pytest.fixture
def made_up() -> Callable[..., Outcome]:
    """An outcome of the costs that somebody has thought of: by case, by agent, one a seed."""

    def make(costs: dict[str, dict[str, list[float | None]]]) -> Outcome:
        cases = [_played(case, of_case) for case, of_case in costs.items()]
        agents = list(next(iter(costs.values())))
        listed = tiny_suite().model_dump(mode="json")["cases"][0]
        return Outcome(
            name="made_up",
            suite=tiny_suite(cases=[{**listed, "name": case} for case in costs]),
            suite_hash="",
            agents=tuple(
                {"name": name, "source": name, "files": {}}  # type: ignore[misc]
                for name in agents
                if name not in OPPONENTS
            ),
            played=tuple(cases),
            skipped={},
            scores=scores_of(cases, agents),
            made={},
        )

    return make


def _played(case: str, costs: dict[str, list[float | None]]) -> Played:
    seeds = range(len(next(iter(costs.values()))))
    episodes = {
        agent: Episodes(
            records_hash=tuple(map(str, seeds)),
            decisions=tuple(0 for _ in seeds),
            cost=tuple(values),
            figures={"p95_jct_s": tuple(values), "worst_tenth_jct_s": tuple(values)},
        )
        for agent, values in costs.items()
    }
    return Played(case=case, scenario="", seeds=tuple(seeds), workloads=tuple(map(str, seeds)), episodes=episodes)


@pytest.fixture
def suite_file(tmp_path: Path, suite: Suite) -> Path:
    from agentsim_env.training.files import write_yaml

    path = tmp_path / "tiny.yaml"
    write_yaml(path, suite.model_dump(mode="json"))
    return path
