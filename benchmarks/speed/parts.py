"""The parts of the table, each measured in a process of its own."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple

from benchmarks.speed.rows import Row

Report = Callable[[Sequence[Row]], None]
"""Takes all rows of a part that are known so far."""

Measure = Callable[[int, bool, Report], None]
"""Measures a part: rounds, whether it is only a look, and where the rows go."""


class Part(NamedTuple):
    """A part of the table.

    Attributes:
        about: What it measures.
        limit_s: Seconds after which it is cut off; what it has reported by then stays.
        in_a_look: Whether `--quick` has it.
        rounds: Rounds if none are asked for.
    """

    about: str
    limit_s: float
    in_a_look: bool = True
    rounds: int = 5


PARTS = {
    "loop": Part("the compiled loop, beside SimPy; one environment, beside CartPole", 240.0),
    "vectors": Part("many environments at once, under random actions", 300.0),
    "ppo": Part("PPO of Stable-Baselines3 on vectors of environments", 420.0),
    "learned": Part("exported agents, evolution strategies", 240.0),
    "scaling": Part("instances, programs, contexts", 600.0),
    "memory": Part("memory of programs, of batches, of a large cluster", 900.0, in_a_look=False),
    "profile": Part("where the time goes", 240.0),
    "starts": Part("cold starts, in caches of their own", 900.0, in_a_look=False, rounds=1),
}
"""By the names that `--only` and `--without` take; measured by the module of that name."""


def measure_of(name: str) -> Measure:
    """What measures a part."""
    return import_module(f"benchmarks.speed.{name}").measure
