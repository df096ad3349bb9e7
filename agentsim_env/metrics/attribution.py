"""Whose KV it is: the resident blocks of the instances, attributed to the programs that could use them again."""

from typing import Literal

import numpy as np

from agentsim_env.engine.core.state import ACTIVE, HELD, State
from agentsim_env.workload.programs import Programs

Attribution = Literal["full", "split", "holder"]


def attributed_tokens(state: State, programs: Programs, how: Attribution) -> np.ndarray:
    """Tokens of KV in HBM that each program has now, `f8 [programs]`.

    Only programs that have arrived and not ended count; blocks that none of them has on a path are nobody's.

    Args:
        state: The simulation, all its instances synchronised.
        programs: Its workload.
        how: What becomes of blocks that are on the paths of several programs. `full`: each has all of them, so the sum
            may exceed what is there; `split`: each has an equal part; `holder`: the one that arrived first has them.
    """
    run = state.program_run
    inside = np.flatnonzero(np.isin(run["state"], (HELD, ACTIVE)))
    first_come = inside[np.lexsort((inside, run["arrived_s"][inside]))]
    users: dict[int, list[int]] = {}
    for p in first_come:
        for segment in _segments(programs, int(p)):
            users.setdefault(segment, []).append(int(p))
    tokens = np.zeros(len(run))
    n = len(state.instance)
    for record in state.resident[: int(state.world["n_residents"][0])]:
        sharers = users.get(int(record["segment"]), []) if 0 <= record["pool"] < n else []
        held = float(record["blocks"]) * programs.block_size
        for p in sharers[:1] if how == "holder" else sharers:
            tokens[p] += held / len(sharers) if how == "split" else held
    return tokens


def _segments(programs: Programs, p: int) -> set[int]:
    """Segments on the paths of a program's turns."""
    first = int(programs.program["first_turn"][p])
    found: set[int] = set()
    for t in range(first, first + int(programs.program["n_turns"][p])):
        segment = int(programs.turn["segment"][t])
        while segment >= 0 and segment not in found:
            found.add(segment)
            segment = int(programs.segment["parent"][segment])
    return found
