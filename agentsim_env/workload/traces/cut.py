"""Shorter programs."""

import numpy as np

from agentsim_env.workload.programs import Programs
from agentsim_env.workload.traces.subset import compact_segments, spans, take_reports


def cut_programs(
    programs: Programs, *, max_turns: int | None = None, max_context_tokens: int | None = None
) -> Programs:
    """Drops the end of long programs.

    The turns of a program are kept, in their order, up to the first that is number `max_turns` (from 0) or whose
    prompt and output exceed `max_context_tokens`; it and all later ones are dropped, with the edges to them. A program
    that loses its first turn is dropped.

    Args:
        programs: A workload without closed-loop arrivals.
        max_turns: Turns to keep at most, None for no limit.
        max_context_tokens: Longest context to keep, None for no limit.

    Raises:
        ValueError: A limit below 1, or a program waits for the end of another (`after`).
    """
    for name, limit in (("max_turns", max_turns), ("max_context_tokens", max_context_tokens)):
        if limit is not None and limit < 1:
            raise ValueError(f"{name} is {limit}; allowed: at least 1, or None for no limit")
    if (programs.program["after"] >= 0).any():
        raise ValueError("programs that start after the end of others (closed loop) cannot be cut")
    left = _turns_left(programs, max_turns, max_context_tokens)
    if np.array_equal(left, programs.program["n_turns"]):
        return programs
    program = programs.program[left > 0]
    first = program["first_turn"].astype(np.int64)
    program["n_turns"] = left[left > 0]
    turns = spans(first, program["n_turns"])
    turn_at = np.full(len(programs.turn), -1, dtype=np.int64)
    turn_at[turns] = np.arange(len(turns))
    turn = programs.turn[turns]
    edge = programs.edge[spans(turn["first_edge"].astype(np.int64), turn["n_edges"])]
    source = np.repeat(np.arange(len(turn)), turn["n_edges"])
    kept = turn_at[edge["target"]] >= 0
    edge, source = edge[kept], source[kept]
    edge["target"] = turn_at[edge["target"]]
    turn["n_edges"] = np.bincount(source, minlength=len(turn))
    turn["first_edge"] = np.cumsum(turn["n_edges"], dtype=np.int64) - turn["n_edges"]
    turn["program"] = np.repeat(np.arange(len(program)), program["n_turns"])
    program["first_turn"] = np.cumsum(program["n_turns"], dtype=np.int64) - program["n_turns"]
    segment, turn["segment"] = compact_segments(programs.segment, turn["segment"])
    program_at = np.where(left > 0, np.cumsum(left > 0) - 1, -1)
    report = take_reports(programs.report, program_at, turn_at)
    return programs._replace(program=program, turn=turn, edge=edge, segment=segment, report=report)


def _turns_left(programs: Programs, max_turns: int | None, max_context_tokens: int | None) -> np.ndarray:
    """Number of turns to keep of each program."""
    turn, program = programs.turn, programs.program
    index = np.arange(len(turn)) - program["first_turn"][turn["program"]]
    left = program["n_turns"].astype(np.int64)
    if max_turns is not None:
        left = np.minimum(left, max_turns)
    if max_context_tokens is not None:
        over = turn["prompt_tokens"].astype(np.int64) + turn["output_tokens"] > max_context_tokens
        np.minimum.at(left, turn["program"][over], index[over])
    return left
