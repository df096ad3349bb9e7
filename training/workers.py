"""Processes that run seeds, or other items: they end with their parent, and one that is killed costs no result."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from typing import Any

from agentsim_env.training.errors import TrainingError

_MOST_LOSSES = 3
_WATCH_S = 1.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Workers:
    """Processes that are kept from one list of items to the next.

    Args:
        make: Makes what runs an item, once in each process, from the description; a function of a module.
        description: What is to be played; it is pickled.
        jobs: Processes.
    """

    def __init__(self, make: Callable[[Any], Callable[[Any], Any]], description: Any, jobs: int) -> None:
        self._begun_with = (make, description, os.getpid())
        self._jobs = jobs
        self._pool: ProcessPoolExecutor | None = None
        self._losses = 0

    def run(self, items: Sequence[Any]) -> Generator[tuple[Any, Any]]:
        """Runs items, each once, and gives each with its result as it comes.

        Raises:
            TrainingError: Processes were killed again and again.
        """
        left = list(items)
        while left:
            pool = self._begun()
            try:
                item_of = {pool.submit(_run, item): item for item in left}
                for future in as_completed(item_of):
                    result = future.result()
                    left.remove(item_of[future])
                    yield item_of[future], result
            except BrokenProcessPool:
                self._losses += 1
                if self._losses > _MOST_LOSSES:
                    raise TrainingError(
                        f"{self._losses} times a worker process was killed, perhaps for want of memory: try fewer"
                        " --jobs"
                    ) from None
                print("A worker process was lost: its seeds are played again.", file=sys.stderr, flush=True)
            finally:
                if left:
                    _end(pool)
                    self.close()

    def _begun(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Spawned rather than forked: torch and numba keep threads, which do not survive a fork.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._jobs, context, initializer=_begin, initargs=self._begun_with)
        return self._pool

    def close(self) -> None:
        """Ends the processes."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


def run_in_processes(
    make: Callable[[Any], Callable[[int], Any]], description: Any, seeds: Sequence[int], jobs: int
) -> Generator[tuple[int, Any]]:
    """Runs seeds in processes, and gives each result as it comes; see `Workers`."""
    with closing(Workers(make, description, jobs)) as workers, closing(workers.run(seeds)) as results:
        yield from results


def _end(pool: ProcessPoolExecutor) -> None:
    """Ends the processes at once, also those that are in the middle of a seed that nobody waits for any more."""
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()


_begun_with: tuple[Callable[[Any], Callable[[Any], Any]], Any]
_run_item: Callable[[Any], Any] | None = None


def _begin(make: Callable[[Any], Callable[[Any], Any]], description: Any, parent: int) -> None:
    """Begins a process; what can fail is left to the first seed, whose error the parent is told."""
    global _begun_with
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent decides
    _end_with(parent)
    _begun_with = make, description


def _run(item: Any) -> Any:
    global _run_item
    if _run_item is None:
        make, description = _begun_with
        _run_item = make(description)
    return _run_item(item)


def _end_with(parent: int) -> None:
    """Ends this process when its parent is gone, whatever ended that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os._exit(1)
