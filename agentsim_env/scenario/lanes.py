"""How an instance of `mode: two_lanes` divides its GPU between decodes and prefills."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, Strict, model_validator

from agentsim_env.fields.base import Amount, Flag, Part, Seconds, WholeNumber
from agentsim_env.fields.problems import not_allowed
from agentsim_env.hardware.lanes import MOST_SLOTS

MOST_BUDGETS = 16
"""Entries of the grid of budgets: each makes an answer for each slot."""


class Lanes(Part):
    """Shares of the SMs for decodes and for prefills beside them, and which prefills join the decodes instead.

    Numbers are AgentServe's (arXiv 2603.10342) where it has published any, and are marked where they are guesses.
    """

    slots: Annotated[int, Strict(), Field(ge=2, le=MOST_SLOTS)] = 10
    """Shares made beforehand: slot k has k / `slots` of the SMs."""

    decode_share: Annotated[float, Strict(), Field(ge=0, lt=1)] = 0.4
    """Least share of the SMs for decodes while prefills run beside them, of which the smallest slot that has it is
    used; prefills get the rest. Default: where a decode step is within 2 % of its time on all SMs."""

    prefill_budget_tokens: WholeNumber = 64
    """Longest resume prefill, in tokens that are not cached, that joins the decodes; 0: none does. A guess."""

    rebind_s: Seconds = 50e-6
    """Time that it takes to bind a lane to another slot; published as an upper bound."""

    work_conserving: Flag = True
    """Whether a lane has the whole GPU while the other one is idle."""

    partition: Flag = True
    """Whether SMs are set apart. `false`: both lanes run on all of them, each gets as much as it demands, and there is
    nothing to rebind."""

    interference: Amount = 0.2
    """How much longer a decode step takes per share of the memory bandwidth that a prefill beside it takes. A guess."""

    budget_grid_tokens: Annotated[
        tuple[WholeNumber, ...], Field(min_length=1, max_length=MOST_BUDGETS, strict=False)
    ] = (0, 32, 64, 128, 256, 512)
    """Budgets that an agent may choose from, ascending; with each slot for decodes they make the answers of
    `set_prefill_budget`."""

    @model_validator(mode="after")
    def _prefills_have_a_slot(self) -> Self:
        most = (self.slots - 1) / self.slots
        if self.decode_share > most:
            reason = f"must be at most {most:g}: of {self.slots} slots one is left for prefills"
            raise not_allowed(reason, self.decode_share, ["decode_share"])
        return self

    @model_validator(mode="after")
    def _budgets_ascend(self) -> Self:
        for k, (lower, higher) in enumerate(pairwise(self.budget_grid_tokens)):
            if higher <= lower:
                reason = f"must be above {lower}: budgets ascend"
                raise not_allowed(reason, higher, ["budget_grid_tokens", k + 1])
        return self
