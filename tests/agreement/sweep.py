"""Compares the scenarios of many seeds, in this process or in several."""

import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing.connection import wait as wait_for
from typing import Any

from tests.agreement.compare import compare
from tests.agreement.scenario import Scenario
from tests.agreement.shrink import shrink
from tests.agreement.written import written
from tests.engine.random_scenarios import build, knobs_of

CHUNK = 8
"""Seeds that a worker is given at a time: about a second of work."""


@dataclass(frozen=True)
class Difference:
    """A seed on which the simulators differ.

    Attributes:
        found: Differences on its scenario.
        small: Source of the smallest scenario found that differs, and `found_small` how.
    """

    seed: int
    found: tuple[str, ...]
    small: str
    found_small: tuple[str, ...]


Changes = Mapping[str, Any]
"""Knobs that all scenarios of a sweep have, by name."""

Compared = tuple[Counter[str], Difference | None]
"""How much was compared for a seed, and what differed."""


def compare_seed(seed: int, changes: Changes) -> Compared:
    """Compare the scenario of a seed, some of whose knobs are given; what differs is made small."""
    scenario = build(replace(knobs_of(seed), **changes))
    verdict = compare(scenario)
    if not verdict.found:
        return verdict.counted, None

    def is_wrong(smaller: Scenario) -> bool:
        other = compare(smaller)
        return bool(other.found) and other.error == verdict.error

    small = shrink(scenario, is_wrong)
    return verdict.counted, Difference(seed, verdict.found, written(small), compare(small).found)


def sweep(seeds: range, jobs: int, changes: Changes) -> Iterator[Compared]:
    """What came of each seed, as it becomes known."""
    if jobs == 1:
        yield from _compare_chunk(seeds, changes)
        return
    # The first seed here: what is compiled for it, the workers find in the cache.
    yield compare_seed(seeds[0], changes)
    chunks = [seeds[start : start + CHUNK] for start in range(1, len(seeds), CHUNK)]
    # Spawned rather than forked: numba keeps threads, which do not survive a fork.
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_follow_parent)
    try:
        yield from _in_processes(pool, chunks, jobs, changes)
    except BaseException:
        # Stopped: a worker that shrinks a scenario would go on for minutes.
        for worker in multiprocessing.active_children():
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _in_processes(pool: ProcessPoolExecutor, chunks: list[range], jobs: int, changes: Changes) -> Iterator[Compared]:
    waiting = iter(chunks)
    # A few at a time: what is not known yet of a range of millions is not in memory.
    running = {pool.submit(_compare_all, chunk, changes) for chunk in islice(waiting, 2 * jobs)}
    while running:
        ended, running = wait(running, return_when=FIRST_COMPLETED)
        for future in ended:
            yield from future.result()
            running |= {pool.submit(_compare_all, chunk, changes) for chunk in islice(waiting, 1)}


def _compare_all(seeds: range, changes: Changes) -> list[Compared]:
    return list(_compare_chunk(seeds, changes))


def _compare_chunk(seeds: range, changes: Changes) -> Iterator[Compared]:
    return (compare_seed(seed, changes) for seed in seeds)


def _follow_parent() -> None:
    """Ctrl-C is the parent's business; a worker ends with it, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
