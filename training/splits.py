"""Which workloads are for what.

The seed of an episode draws its whole workload. Training, validation and test take their seeds from ranges that do not
meet, and where programs come from a trace, from parts of it that do not meet either. So a result on the test split is
never about workloads that the agent or its hyper-parameters were chosen on.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from agentsim_env.training.errors import TrainingError

if TYPE_CHECKING:
    from agentsim_env.assembly import WorkloadSource
    from agentsim_env.scenario import Scenario


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
            TrainingError: There are not so many.
        """
        if not 1 <= count <= len(self.seeds):
            raise TrainingError(f"number of {self.name} seeds must be from 1 to {len(self.seeds)}, not {count}")
        return tuple(self.seeds[:count])


TEST = Split("test", range(0, 500_000), (0.8, 1.0))
"""For evaluation. Nothing may be chosen by it."""

VALIDATION = Split("validation", range(500_000, 1_000_000), (0.6, 0.8))
"""For evaluation during training (which weights are kept) and for the tuning of hyper-parameters."""

TRAINING = Split("training", range(1_000_000, 2**31), (0.0, 0.6))
"""For the episodes that agents learn from."""


def training_seed(run_seed: int, env: int, episode: int) -> int:
    """Seed of an episode of a training run.

    Args:
        run_seed: Seed of the run.
        env: Number of the environment within the run.
        episode: Number of the episode within the environment.
    """
    drawn = np.random.SeedSequence((run_seed, env, episode)).generate_state(1, np.uint64)[0]
    return TRAINING.seeds[int(drawn) % len(TRAINING.seeds)]


def workloads(scenario: "Scenario", split: Split) -> "WorkloadSource":
    """What draws the episodes of a split.

    Raises:
        TrainingError: The split's part of the trace holds fewer programs than an episode.
    """
    from agentsim_env.load import prepare
    from agentsim_env.scenario.errors import TooFewProgramsError

    if scenario.workload.trace is None:
        return prepare(scenario)
    try:
        source = prepare(scenario, trace_part=split.trace_part)
        source.draw(split.seeds[0])
    except TooFewProgramsError as error:
        low, high = split.trace_part
        raise TrainingError(
            f"episodes of the {split.name} split come from {low:.0%} to {high:.0%} of the trace: {error}; for shorter"
            " ones say --set episode.programs=N, in training and evaluation alike (validation and test have a fifth of"
            " the trace each), and episode.warmup_programs below it"
        ) from None
    return source
