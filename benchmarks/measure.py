"""Measuring: interleaved rounds, so that whatever else the machine does hits everybody alike."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping

Task = Callable[[], tuple[float, float]]
"""Does something; returns how much it did and the seconds that it took."""

Rates = dict[str, list[float]]
"""Amount per second of each task, a value a round."""


def stopwatch() -> Callable[[], float]:
    """CPU seconds of this process since the call: equal to wall-clock time for one thread on a quiet machine."""
    start_s = time.process_time()
    return lambda: time.process_time() - start_s


def interleave(tasks: Mapping[str, Task], rounds: int) -> Iterator[Rates]:
    """What is known of the tasks after each round; every round runs every task once.

    Each task runs once before that, so that nothing is compiled or imported on the clock.
    """
    rates: Rates = {name: [] for name in tasks}
    for task in tasks.values():
        task()
    for _ in range(rounds):
        for name, task in tasks.items():
            gc.collect()
            amount, seconds = task()
            rates[name].append(amount / seconds)
        yield rates
