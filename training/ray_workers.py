"""Workers of Ray that run seeds, on this machine or on all of a cluster: the same seeds give the same bits there."""

import hashlib
import importlib
import os
import socket
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

from agentsim_env.scenario.errors import shorten
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.journal import own_sources

LOCAL = "local"
"""In the place of an address, as Ray has it: workers on this machine, whatever clusters there are."""

_ALLOWED = f"{LOCAL}, or HOST:PORT of a head node that ray start --head has begun"
_LISTENS_S = 5.0
_MOST_LOSSES = 3


def run_on_ray(
    make: Callable[[Any], Callable[[int], Any]], description: Any, seeds: Sequence[int], address: str, jobs: int
) -> Generator[tuple[int, Any]]:
    """Runs seeds on Ray, each once, and gives each with its result as it comes.

    Args:
        make: Makes what runs a seed, once in each worker, from the description; a function of a module.
        description: What is to be played; it is pickled.
        seeds: The seeds.
        address: `LOCAL`, or that of a cluster's head node.
        jobs: Workers where it is `LOCAL`; a cluster has one for each of its CPUs.

    Raises:
        TrainingError: Ray is not installed, no cluster answers, a worker has other sources or not the current folder,
            or workers were lost again and again.
    """
    with connected(address, jobs) as ray:
        count = jobs if address == LOCAL else int(ray.cluster_resources().get("CPU", 1))
        actor = ray.remote(num_cpus=1, max_restarts=_MOST_LOSSES, max_task_retries=_MOST_LOSSES)(_Worker)
        given = (make, description, os.getcwd(), fingerprint())
        free = [actor.remote(*given) for _ in range(min(count, len(seeds)))]
        left, running = list(reversed(seeds)), {}
        while left or running:
            while left and free:
                worker, seed = free.pop(), left.pop()
                running[worker.run.remote(seed)] = (worker, seed)
            (done, *_), _ = ray.wait(list(running))
            worker, seed = running.pop(done)
            yield seed, _result(ray, done)
            free.append(worker)


@contextmanager
def connected(address: str, jobs: int) -> Generator[Any]:
    """Ray, as long as the block lasts; in a block within another it is that of the outer one.

    Args:
        address: `LOCAL`, or that of a cluster's head node.
        jobs: Workers where it is `LOCAL`.

    Raises:
        TrainingError: Ray is not installed, or no cluster answers.
    """
    ray = _ray()
    if ray.is_initialized():
        yield ray
        return
    _check_that_somebody_listens(address)
    here = {"num_cpus": jobs, "include_dashboard": False} if address == LOCAL else {}
    try:
        ray.init(address, logging_level="ERROR", **here)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise TrainingError(
            f"--ray {address}: no cluster answers ({shorten(str(error))}); allowed: {_ALLOWED}"
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_that_somebody_listens(address: str) -> None:
    """Ray itself tries for five minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), _LISTENS_S).close()
    except (OSError, OverflowError) as error:
        raise TrainingError(f"--ray {address}: nobody listens there ({error}); allowed: {_ALLOWED}") from None


def fingerprint() -> str:
    """Hash of our own code: workers with another one could come to other bits."""
    digest = hashlib.sha256()
    for path in own_sources():
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


class _Worker:
    """Runs one seed after the other in a process of Ray."""

    def __init__(
        self, make: Callable[[Any], Callable[[int], Any]], description: Any, folder: str, sources: str
    ) -> None:
        self._begun_with = (make, description, folder, sources)
        self._run: Callable[[int], Any] | None = None

    def run(self, seed: int) -> Any:
        """The result of a seed; what can fail at the beginning is left to the first one, whose error is told."""
        if self._run is None:
            make, description, folder, sources = self._begun_with
            if not os.path.isdir(folder):
                raise TrainingError(
                    f"{os.uname().nodename} has no folder {folder}: agents and traces are read there; allowed: a disk"
                    " that all nodes share"
                )
            if fingerprint() != sources:
                raise TrainingError(f"{os.uname().nodename} has another version of agentsim-env: install the same one")
            os.chdir(folder)
            self._run = make(description)
        return self._run(seed)


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise TrainingError("--ray needs Ray: pip install 'agentsim-env[ray]'") from None


def _result(ray: Any, done: Any) -> Any:
    """What a seed came to; its error is that of the worker, without Ray's around it."""
    try:
        return ray.get(done)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayActorError:
        raise TrainingError(
            f"more than {_MOST_LOSSES} times a worker of Ray was lost, perhaps for want of memory"
        ) from None
