"""Processes that run seeds: they end with their parent, and one that is killed costs no result."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from agentsim_env.training.errors import TrainingError

_MOST_LOSSES = 3
_WATCH_S = 1.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def run_in_processes(
    make: Callable[[Any], Callable[[int], Any]], description: Any, seeds: Sequence[int], jobs: int
) -> Iterator[tuple[int, Any]]:
    """Runs seeds in processes, and gives each result as it comes.

    Args:
        make: Makes what runs a seed, once in each process, from the description; a function of a module.
        description: What is to be played; it is pickled.
        seeds: The seeds.
        jobs: Processes.

    Raises:
        TrainingError: Processes were killed again and again.
    """
    left = list(seeds)
    losses = 0
    while left:
        # Spawned rather than forked: torch and numba keep threads, which do not survive a fork.
        context = multiprocessing.get_context("spawn")
        arguments = (make, description, os.getpid())
        pool = ProcessPoolExecutor(min(jobs, len(left)), context, initializer=_begin, initargs=arguments)
        try:
            seed_of = {pool.submit(_run, seed): seed for seed in left}
            for future in as_completed(seed_of):
                result = future.result()
                left.remove(seed_of[future])
                yield seed_of[future], result
        except BrokenProcessPool:
            losses += 1
            if losses > _MOST_LOSSES:
                raise TrainingError(
                    f"{losses} times a worker process was killed, perhaps for want of memory: try fewer --jobs"
                ) from None
            print("A worker process was lost: its seeds are played again.", file=sys.stderr, flush=True)
        finally:
            if left:
                _end(pool)
            pool.shutdown()


def _end(pool: ProcessPoolExecutor) -> None:
    """Ends the processes at once, also those that are in the middle of a seed that nobody waits for any more."""
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()


_begun_with: tuple[Callable[[Any], Callable[[int], Any]], Any]
_run_seed: Callable[[int], Any] | None = None


def _begin(make: Callable[[Any], Callable[[int], Any]], description: Any, parent: int) -> None:
    """Begins a process; what can fail is left to the first seed, whose error the parent is told."""
    global _begun_with
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent decides
    _end_with(parent)
    _begun_with = make, description


def _run(seed: int) -> Any:
    global _run_seed
    if _run_seed is None:
        make, description = _begun_with
        _run_seed = make(description)
    return _run_seed(seed)


def _end_with(parent: int) -> None:
    """Ends this process when its parent is gone, whatever ended that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os._exit(1)
