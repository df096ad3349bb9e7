"""Which workloads are for what.

The seed of an episode draws its whole workload. Training, validation and test take their seeds from ranges that do not
meet, and where programs come from a trace, from parts of it that do not meet either. So a result on the test split is
never about workloads that the agent or its hyper-parameters were chosen on.
"""

from typing import Any, NamedTuple

from agentsim_env.assembly import Source
from agentsim_env.envs.errors import EnvError
from agentsim_env.errors import shown
from agentsim_env.load import prepare
from agentsim_env.scenario import Scenario
from agentsim_env.scenario.errors import TooFewProgramsError


class Split(NamedTuple):
    """A share of all workloads.

    Attributes:
        name: Its name.
        seeds: Seeds of its episodes.
        trace_part: Part of a trace that its programs come from, as fractions.
    """

    name: str
    seeds: range
    trace_part: tuple[float, float]

    def first(self, count: int) -> tuple[int, ...]:
        """The first `count` seeds.

        Raises:
            EnvError: There are not so many.
        """
        if not 1 <= count <= len(self.seeds):
            raise EnvError(f"number of {self.name} seeds must be from 1 to {len(self.seeds)}, not {count}")
        return tuple(self.seeds[:count])

    def seed(self, number: int) -> int:
        """The seed with a number from 0; behind the last one the first comes again."""
        return self.seeds[number % len(self.seeds)]


TEST = Split("test", range(0, 500_000), (0.8, 1.0))
"""For evaluation. Nothing may be chosen by it."""

VALIDATION = Split("validation", range(500_000, 1_000_000), (0.6, 0.8))
"""For evaluation during training (which weights are kept) and for the tuning of hyper-parameters."""

TRAINING = Split("train", range(1_000_000, 2**31), (0.0, 0.6))
"""For the episodes that agents learn from."""

SPLITS = {split.name: split for split in (TRAINING, VALIDATION, TEST)}
"""All of them, by the names that the argument `split` of an environment has."""


def find_split(name: Any) -> Split | None:
    """A split by its name; None for None, all workloads.

    Raises:
        EnvError: There is none of this name.
    """
    if name is None:
        return None
    if not isinstance(name, str) or name not in SPLITS:
        raise EnvError(f"split {shown(name)}: allowed are {', '.join(map(repr, SPLITS))} and None, all workloads")
    return SPLITS[name]


def workloads(scenario: Scenario, split: Split | None) -> Source:
    """What draws the episodes of a split.

    Raises:
        EnvError: The split's part of the trace holds fewer programs than an episode.
    """
    if scenario.workload.trace is None or split is None:
        return prepare(scenario)
    try:
        source = prepare(scenario, trace_part=split.trace_part)
        source.draw(split.seeds[0])
    except TooFewProgramsError as error:
        low, high = split.trace_part
        raise EnvError(
            f"episodes of the {split.name} split come from {low:.0%} to {high:.0%} of the trace: {error}; for shorter"
            " ones say --set episode.programs=N, in training and evaluation alike (validation and test have a fifth of"
            " the trace each), and episode.warmup_programs below it; an environment with split=None has all of it"
        ) from None
    return source
