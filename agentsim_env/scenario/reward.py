"""The reward that agents are trained on."""

from typing import Literal, Self

from pydantic import Field, model_validator

from agentsim_env.fields.base import Amount, Flag, Part, Scale, Seconds
from agentsim_env.fields.problems import not_allowed

Term = Literal[
    "time_in_system",
    "ttft",
    "tpot",
    "slo_violation",
    "throughput",
    "recomputed_tokens",
    "cost",
    "wasted_token_seconds",
    "step_stall",
    "wasted_bytes",
]


class Reward(Part):
    """A weighted sum of terms; by default minus the time that programs wait for and are served by the cluster."""

    unit_s: Scale = 1.0
    """Scale: with the default term, the return of an episode is minus the mean (JCT - gap time) in this unit."""

    count_gaps: Flag = False
    """Count the time in which a tool runs or a user thinks as well; the return is then minus the mean JCT."""

    reject_penalty_s: Seconds = 1000.0
    """Charge for a rejected or failed program; choose it above the time that programs spend in the system."""

    terms: dict[Term, Amount] = Field(default={"time_in_system": 1.0}, min_length=1)
    """Weight of each term. A term that is not named has weight 0; when a scenario extends another, name it with 0."""

    @model_validator(mode="after")
    def _something_counts(self) -> Self:
        if not any(self.terms.values()):
            raise not_allowed("at least one weight must be above 0", dict(self.terms), ["terms"])
        return self
