"""The length of an episode, the service-level objectives, and how decisions are put to agents."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from agentsim_env.fields.base import (
    Candidates,
    Part,
    Period,
    PositiveAmount,
    PositiveSeconds,
    Programs,
    WholeNumber,
)
from agentsim_env.fields.problems import not_allowed


class Episode(Part):
    """How much work one episode is."""

    programs: Programs | None = None
    """Programs of an episode, the warm-up among them; `null`: every program of the trace."""

    warmup_programs: WholeNumber = 0
    """The first programs of the episode: answered by the scenario's rules and not counted in reward and summary."""

    time_limit_s: PositiveSeconds | None = None
    """Simulated time after which the episode is truncated; `null`: when all programs have ended."""

    @model_validator(mode="after")
    def _warmup_leaves_programs(self) -> Self:
        if self.programs is not None and self.warmup_programs >= self.programs:
            reason = f"must be less than programs ({self.programs}): the rest is what counts"
            raise not_allowed(reason, self.warmup_programs, ["warmup_programs"])
        return self


class Slo(Part):
    """Service-level objectives; what meets all that are given counts as goodput."""

    ttft_s: PositiveSeconds | None = None
    """Time from a turn being ready to its first token."""

    tpot_s: PositiveSeconds | None = None
    """Mean time per output token of a turn after the first."""

    slowdown: PositiveAmount | None = None
    """JCT of a program over its JCT alone on an idle cluster."""


class Decisions(Part):
    """How decisions are put to rules and agents."""

    candidates: Candidates = 16
    """Candidates that an agent sees at most (K), for every kind of decision whose choices have no fixed number."""

    advice: bool = False
    """Agents are shown which answer the scenario's rule would give: a last column, `advised`, is 1 in its row.

    Whoever gives this answer has the rule's own, to the last bit: a pin of any length, a budget beside the grid.
    """

    control_period_s: Period = 1.0
    """Time between control ticks."""

    pin_grid_s: Annotated[tuple[PositiveSeconds, ...], Field(strict=False, min_length=1, max_length=16)] = (
        0.25,
        0.5,
        1.0,
        2.0,
        5.0,
        10.0,
        30.0,
    )
    """How long an agent may pin what a turn leaves behind."""
