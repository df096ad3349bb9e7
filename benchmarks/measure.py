"""Measuring: interleaved rounds, so that whatever else the machine does hits everybody alike."""

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median

Task = Callable[[], tuple[float, float]]
"""Does something; returns how much it did and the CPU seconds that it took."""


def stopwatch() -> Callable[[], float]:
    """CPU seconds of this process since the call: equal to wall-clock time for one thread on a quiet machine."""
    start_s = time.process_time()
    return lambda: time.process_time() - start_s


def interleave(tasks: Mapping[str, Task], rounds: int, progress: Callable[[str], None]) -> dict[str, list[float]]:
    """Rates (amount per CPU second) of each task in each round; every round runs every task once.

    Args:
        tasks: The tasks, by name. Each has run once before, so that nothing is compiled or imported on the clock.
        rounds: Rounds.
        progress: Told what is about to run.
    """
    rates: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds):
        for name, task in tasks.items():
            progress(f"round {number + 1} of {rounds}: {name}")
            gc.collect()
            amount, seconds = task()
            rates[name].append(amount / seconds)
    return rates


def median_ratio(rates: Mapping[str, list[float]], name: str, to: str) -> float:
    """Median over the rounds of one rate over another."""
    return median(one / other for one, other in zip(rates[name], rates[to], strict=True))
