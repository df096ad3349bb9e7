"""Measured runs, whatever file they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from agentsim_env.validation.row_limits import RowLimits
from agentsim_env.validation.timings import Timings

Arrivals = Literal["closed", "constant", "poisson"]


class Stage(NamedTuple):
    """A part of an open loop: its rate, and how long requests are sent at it."""

    rate_per_s: float
    seconds: float

    @property
    def requests(self) -> int:
        """Requests that are sent in it."""
        return max(1, round(self.rate_per_s * self.seconds))


class Load(NamedTuple):
    """A synthetic load.

    Attributes:
        prompt_tokens: Length of each prompt, the longest if they differ.
        output_tokens: Tokens that each request is given, likewise.
        shortest: Lengths are uniform between this share of the longest and the longest; 1: all equal.
        arrivals: `closed`: each of `concurrency` clients sends its next request when the last has ended; else open.
        concurrency: Clients of a closed loop.
        rate_per_s: Requests per second of an open one.
        requests: Requests, or sessions, of the run.
        stages: Parts of an open loop that follow one another, in the place of `rate_per_s`.
        counted: Which of the stages was measured; -1: all.
        groups: System prompts that come around in turn; 0: prompts share nothing.
        questions: Questions that come around behind each of them.
        system_tokens: Length of a system prompt, part of `prompt_tokens`.
        turns: Turns of a session, each sent when the one before it has ended.
        turn_tokens: Tokens that each further turn adds to its context.
        gap_s: From the end of a turn to the next one.
    """

    prompt_tokens: int
    output_tokens: int
    shortest: float
    arrivals: Arrivals
    concurrency: int
    rate_per_s: float
    requests: int
    stages: tuple[Stage, ...] = ()
    counted: int = -1
    groups: int = 0
    questions: int = 0
    system_tokens: int = 0
    turns: int = 1
    turn_tokens: int = 0
    gap_s: float = 0.0

    def counted_requests(self) -> slice:
        """Which of the requests were measured."""
        if self.counted < 0:
            return slice(None)
        counts = [stage.requests for stage in self.stages]
        start = sum(counts[: self.counted])
        return slice(start, start + counts[self.counted])


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
        limits: What the file says of the engine, where it differs from the engine description.
    """

    name: str
    file: str
    tp: int | None = None
    requests: Timings | None = None
    load: Load | None = None
    measured: Mapping[tuple[str, str], float] = field(default_factory=dict)
    limits: RowLimits = field(default_factory=RowLimits)


class Measurements(NamedTuple):
    """What was found in files.

    Attributes:
        runs: Runs of the engine.
        left_out: What was not used, and why, one line each.
    """

    runs: tuple[Run, ...]
    left_out: tuple[str, ...]
