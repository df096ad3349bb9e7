"""Measured runs, whatever file they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from agentsim_env.validation.timings import Timings

Arrivals = Literal["closed", "constant", "poisson"]


class Load(NamedTuple):
    """A synthetic load.

    Attributes:
        prompt_tokens: Length of each prompt, the longest if they differ.
        output_tokens: Tokens that each request is given, likewise.
        shortest: Lengths are uniform between this share of the longest and the longest; 1: all equal.
        arrivals: `closed`: each of `concurrency` clients sends its next request when the last has ended; else open.
        concurrency: Clients of a closed loop.
        rate_per_s: Requests per second of an open one.
        requests: Requests of the run.
    """

    prompt_tokens: int
    output_tokens: int
    shortest: float
    arrivals: Arrivals
    concurrency: int
    rate_per_s: float
    requests: int


@dataclass(frozen=True)
class Run:
    """One measured run.

    Attributes:
        name: What tells it from the others of its file.
        file: Where it comes from.
        tp: Tensor-parallel ranks, if the file says so.
        requests: Every request, if the file has them.
        load: The load, if the file has points.
        measured: Measured values of a point by (metric, statistic), seconds or tokens per second.
    """

    name: str
    file: str
    tp: int | None = None
    requests: Timings | None = None
    load: Load | None = None
    measured: Mapping[tuple[str, str], float] = field(default_factory=dict)


class Measurements(NamedTuple):
    """What was found in files.

    Attributes:
        runs: Runs of the engine.
        left_out: What was not used, and why, one line each.
    """

    runs: tuple[Run, ...]
    left_out: tuple[str, ...]
