"""Rules of `set_prefill_budget`: the least share of the SMs for decodes, and the longest prefill that joins them."""

from collections.abc import Callable
from typing import NamedTuple

from tests.reference.batch.iteration_time import table
from tests.reference.description import Profile
from tests.reference.rules.rule import Parameters

Answer = tuple[float, int]


class Look(NamedTuple):
    """What a rule is shown of an instance: its TPOT since the last question, and what it has now."""

    profile: Profile
    tpot_s: float | None
    share: float
    budget_tokens: int
    parameters: Parameters


Budget = Callable[[Look], Answer]


def keep(look: Look) -> Answer:
    return look.share, look.budget_tokens


def tpot_feedback(look: Look) -> Answer:
    p = look.parameters
    objective_s = p["slo_factor"] * alone_s(look.profile)
    if look.tpot_s is None:
        return keep(look)
    if look.tpot_s > p["high"] * objective_s:
        share = min(look.share + p["step_share"], p["most_share"])
        return share, int(max(look.budget_tokens - p["step_tokens"], 0.0))
    if 0 < look.tpot_s < p["low"] * objective_s:
        share = max(look.share - p["step_share"], p["least_share"])
        return share, int(min(look.budget_tokens + p["step_tokens"], p["most_tokens"]))
    return keep(look)


def alone_s(p: Profile) -> float:
    """A decode step of one turn with 3,000 tokens."""
    dense_s, sequence_s = table(p.dense_tokens, p.dense_s, 1), table(p.seq_n, p.seq_s, 1)
    attention_s = table(p.dec_n, p.pure_a_s, 1) + table(p.dec_n, p.pure_b_s, 1) * 3000.0
    return p.overhead_s + max(dense_s + sequence_s + attention_s, p.cpu_s + p.cpu_per_seq_s + p.cpu_per_token_s)


BUDGETS: dict[str, Budget] = {"keep": keep, "tpot_feedback": tpot_feedback}
