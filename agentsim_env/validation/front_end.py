"""The time that the front end takes for each token of a prompt, as later arrivals and longer gaps."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agentsim_env.workload.programs import Programs
from agentsim_env.workload.traces.subset import take_programs


class Sent(NamedTuple):
    """Programs as they reach the engine, and the place of each turn of the given ones among theirs."""

    programs: Programs
    turn_at: NDArray[np.int64]


def tokenized(programs: Programs, token_s: float) -> Sent:
    """`programs` with `token_s` seconds for each prompt token ahead of every turn.

    A request reaches the engine that much later than it is sent, and one that waits for an answer is sent with it.

    Args:
        programs: The workload; each turn waits for one other at most.
        token_s: Seconds for each token.
    """
    if token_s == 0.0:
        return Sent(programs, np.arange(len(programs.turn)))
    program, edge = programs.program.copy(), programs.edge.copy()
    program["arrival_s"] += token_s * programs.turn["prompt_tokens"][program["first_turn"]]
    edge["gap_s"] += token_s * programs.turn["prompt_tokens"][edge["target"]]
    later = programs._replace(program=program, edge=edge)
    if (program["after"] >= 0).any() or (np.diff(program["arrival_s"]) >= 0).all():
        return Sent(_in_order(later), np.arange(len(programs.turn)))
    order = np.argsort(program["arrival_s"], kind="stable")
    n_turns = program["n_turns"][order]
    ends = np.cumsum(n_turns)
    old = np.arange(len(programs.turn)) + np.repeat(program["first_turn"][order] - (ends - n_turns), n_turns)
    turn_at = np.empty(len(old), np.int64)
    turn_at[old] = np.arange(len(old))
    return Sent(take_programs(later, order), turn_at)


def _in_order(programs: Programs) -> Programs:
    """Clients of a closed loop that begin together arrive in their order, each no earlier than the one before it."""
    program = programs.program
    begins = np.flatnonzero(program["after"] < 0)
    program["arrival_s"][begins] = np.maximum.accumulate(program["arrival_s"][begins])
    return programs
