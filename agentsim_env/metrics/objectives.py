"""Service-level objectives as the figures need them."""

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from agentsim_env.metrics.records import Records
    from agentsim_env.scenario.episode import Slo


class Objectives(NamedTuple):
    """Upper limits, inf for none.

    Attributes:
        ttft_s: Time to first token of a turn.
        tpot_s: Mean time per output token after the first of a turn.
        slowdown: JCT of a program over its ideal JCT.
    """

    ttft_s: float = math.inf
    tpot_s: float = math.inf
    slowdown: float = math.inf

    def given(self) -> dict[str, float]:
        """The limits that there are, by name."""
        return {name: limit for name, limit in self._asdict().items() if limit < math.inf}


def objectives_of(records: "Records", slo: "Slo | None" = None) -> Objectives:
    """The objectives of `slo`, or, without one, those in the records' metadata under `slo`."""
    limits = slo.model_dump(exclude_none=True) if slo is not None else records.metadata.get("slo", {})
    return Objectives(**limits)
