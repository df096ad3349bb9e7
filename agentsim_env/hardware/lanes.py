"""Two lanes on one GPU: a share of its SMs for decodes and the rest for prefills, and what a share is worth.

Shares are made beforehand, as CUDA Green Contexts are in AgentServe (arXiv 2603.10342). Measured values are those of an
independent reproduction on an RTX 3090 with Qwen2.5-3B in F16 (`fei121/OneKV`); no other GPU has public ones.
"""

import math
from dataclasses import dataclass

PREFILL_THROUGHPUT = (0.0, 0.10, 0.21, 0.34, 0.44, 0.53, 0.63, 0.72, 0.83, 0.91, 1.0)
"""Throughput of prefills on 0 %, 10 % ... 100 % of the SMs over that on all of them, 0 % apart: kernels like those of a
prefill, measured (OneKV, metrics/sm-profile.json)."""

SM_LIMITED = 2.5 / 10.3
"""Part of a decode step that the SMs limit over the part that memory limits, with all SMs.

A step on a share s takes `(t_mem^p + (c / s)^p)^(1/p)`. With c = 2.5 ms, t_mem = 10.3 ms and p = `SHARPNESS` this is
within 0.7 % of the three measured points (OneKV): 13.38, 10.86 and 10.51 ms on 20, 30 and 40 % of the SMs, a server's
time per token with two agents beside another server that has the rest.
"""

SHARPNESS = 5.0
"""Exponent p of that smooth maximum; fitted with it."""

DECODE_DEMAND = 0.4
"""Share of the SMs that decodes fill where nothing is set apart for them: beyond it they gain less than 2 %."""

SATURATING_TOKENS = 512
"""Tokens of a prefill chunk that fill all SMs; a guess: some tiles of 128 tokens for each SM of a consumer GPU."""

MOST_SLOTS = 100
"""A slot has a percent of the SMs at least."""


@dataclass(frozen=True)
class Lanes:
    """How an instance of `mode: two_lanes` divides its GPU.

    Attributes:
        slots: Shares made beforehand: slot k has k / slots of the SMs.
        decode_share: Least share of the SMs for decodes while both lanes work; the smallest slot that has it is used.
        prefill_budget_tokens: Longest resume prefill that joins the decodes.
        rebind_s: Time that it takes to bind a lane to another slot.
        work_conserving: A lane has all SMs while the other one is idle.
        partition: SMs are set apart; else the lanes share all of them, each as much as it demands.
        interference: How much longer a decode step takes per share of the memory bandwidth that a prefill beside it
            takes. A guess: 0.1 to 0.3 is plausible, and the measured points above have it in them.
        budget_grid_tokens: Budgets that an agent may choose from.
    """

    slots: int = 10
    decode_share: float = 0.4
    prefill_budget_tokens: int = 64
    rebind_s: float = 50e-6
    work_conserving: bool = True
    partition: bool = True
    interference: float = 0.2
    budget_grid_tokens: tuple[int, ...] = (0, 32, 64, 128, 256, 512)

    @property
    def decode_slot(self) -> int:
        """The slot that decodes get while both lanes work; one at least is left for prefills."""
        return slot_for(self.decode_share, self.slots)


def slot_for(share: float, slots: int) -> int:
    """The smallest slot whose share is at least `share`, of those that leave one for the other lane.

    >>> slot_for(0.37, 10)
    4
    """
    # A share that was added up of steps is not above its slot for a rounding.
    return min(max(1, math.ceil(share * slots - 1e-9)), slots - 1)
