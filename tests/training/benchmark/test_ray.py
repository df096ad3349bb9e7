"""Seeds that Ray plays, here on two local workers: the bits are those of this process."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentsim_env.training import ray_workers
from agentsim_env.training.benchmark.outcome import Outcome
from agentsim_env.training.benchmark.protocol import benchmark
from agentsim_env.training.benchmark.suite import Suite
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.ray_workers import connected, run_on_ray


@pytest.fixture(scope="module")
def two_workers() -> Iterator[None]:
    pytest.importorskip("ray", reason="without ray nothing is spread by it")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]))
        with connected("local", 2):
            yield


def make_reciprocal(above: float) -> Callable[[int], tuple[float, int]]:
    """What workers run: it says in which process."""
    return lambda seed: (above / seed, os.getpid())


def make_nothing(_: None) -> Callable[[int], None]:
    raise TrainingError("no such agent")


def test_without_a_cluster_it_is_an_error_at_once() -> None:
    pytest.importorskip("ray", reason="without ray nothing is spread by it")
    with pytest.raises(
        TrainingError, match=r"--ray 127\.0\.0\.1:1: nobody listens there .* allowed: local, or HOST:PORT"
    ):
        list(run_on_ray(make_nothing, None, [1], "127.0.0.1:1", 2))


@pytest.mark.usefixtures("two_workers")
def test_a_benchmark_comes_to_the_same_bits(outcome: Outcome, suite: Suite, tmp_path: Path) -> None:
    spread = benchmark("tiny", suite, ["random", "uniform"], tmp_path / "ray.json", jobs=2, ray="local")
    assert spread.model_dump(exclude={"made"}) == outcome.model_dump(exclude={"made"})


@pytest.mark.usefixtures("two_workers")
def test_seeds_are_spread_over_workers_each_once() -> None:
    found = dict(run_on_ray(make_reciprocal, 6.0, range(1, 9), "local", 2))
    assert {seed: value for seed, (value, _) in found.items()} == {seed: 6.0 / seed for seed in range(1, 9)}
    processes = {process for _, process in found.values()}
    assert len(processes) == 2 and os.getpid() not in processes


@pytest.mark.usefixtures("two_workers")
def test_an_error_of_a_worker_is_ours() -> None:
    with pytest.raises(TrainingError, match=r"^no such agent$"):
        list(run_on_ray(make_nothing, None, [1], "local", 2))


@pytest.mark.usefixtures("two_workers")
def test_a_worker_with_other_sources_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_workers, "fingerprint", lambda: "another")
    with pytest.raises(TrainingError, match="has another version of agentsim-env: install the same one"):
        list(run_on_ray(make_reciprocal, 1.0, [1], "local", 2))
