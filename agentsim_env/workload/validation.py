"""Checks that a workload is what the engine takes it for."""

from collections.abc import Callable

import numpy as np

from agentsim_env.errors import AgentSimError
from agentsim_env.workload.programs import EDGE, PROGRAM, SEGMENT, TURN, Programs


class InvalidProgramsError(AgentSimError, ValueError):
    """A workload breaks an invariant; the message names the entry, the field and what is allowed."""


def validate(programs: Programs) -> None:
    """Checks everything that `Programs` promises.

    Raises:
        InvalidProgramsError: At the first entry that breaks a promise.
    """
    _check_dtypes(programs)
    _check_segments(programs)
    _check_programs(programs)
    _check_turns(programs)
    _check_edges(programs)


def _refuse(bad: np.ndarray, message: Callable[[int], str]) -> None:
    where = np.flatnonzero(bad)
    if len(where):
        more = f" (and {len(where) - 1} more)" if len(where) > 1 else ""
        raise InvalidProgramsError(message(int(where[0])) + more)


def _check_dtypes(programs: Programs) -> None:
    for name, dtype in (("program", PROGRAM), ("turn", TURN), ("edge", EDGE), ("segment", SEGMENT)):
        array = getattr(programs, name)
        if array.dtype != dtype or array.ndim != 1:
            raise InvalidProgramsError(f"{name}: must be a one-dimensional array of dtype {dtype}")
    if programs.block_size < 1:
        raise InvalidProgramsError(f"block_size = {programs.block_size}: must be at least 1")
    for i, tool in enumerate(programs.tools):
        if tool.concurrency < 0 or not 0 <= tool.backoff_s < np.inf:
            raise InvalidProgramsError(f"tool {i} ({tool.name}): concurrency and backoff_s must be at least 0")


def _check_segments(programs: Programs) -> None:
    segment = programs.segment
    index, parent = np.arange(len(segment)), segment["parent"]
    _refuse(
        (parent < -1) | (parent >= index),
        lambda i: f"segment {i}: parent = {parent[i]}: must come before the segment, or be -1",
    )
    _refuse(segment["n_blocks"] < 1, lambda i: f"segment {i}: n_blocks = {segment['n_blocks'][i]}: must be at least 1")
    ends = segment["start_block"].astype(np.int64) + segment["n_blocks"]
    expected = np.where(parent >= 0, ends[parent], 0)
    _refuse(
        segment["start_block"] != expected,
        lambda i: f"segment {i}: start_block = {segment['start_block'][i]}: must be {expected[i]}, its parent's end",
    )


def _check_programs(programs: Programs) -> None:
    program, turn = programs.program, programs.turn
    n = len(program)
    arrival_s, after = program["arrival_s"], program["after"].astype(np.int64)
    _refuse(
        ~(np.isfinite(arrival_s) & (arrival_s >= 0)),
        lambda i: f"program {i}: arrival_s = {arrival_s[i]}: must be finite and at least 0",
    )
    _refuse(np.isnan(program["deadline_s"]), lambda i: f"program {i}: deadline_s is not a number")
    _refuse((after < -1) | (after >= n), lambda i: f"program {i}: after = {after[i]}: there are {n} programs")
    roots = np.flatnonzero(after == -1)
    _refuse(
        np.diff(arrival_s[roots], prepend=0.0) < 0,
        lambda i: f"program {roots[i]}: arrival_s = {arrival_s[roots[i]]}: programs with after = -1 must be in order",
    )
    reached = after
    for _ in range(max(n, 1).bit_length()):
        reached = np.where(reached >= 0, reached[reached], -1)
    _refuse(reached >= 0, lambda i: f"program {i}: after = {after[i]}: waits for itself, over others")
    for field, names in (("family", programs.families), ("tenant", programs.tenants)):
        _refuse(
            (program[field] < 0) | (program[field] >= len(names)),
            lambda i, field=field, names=names: (
                f"program {i}: {field} = {program[field][i]}: there are {len(names)} names"
            ),
        )
    n_turns = program["n_turns"].astype(np.int64)
    _refuse(n_turns < 1, lambda i: f"program {i}: n_turns = {n_turns[i]}: must be at least 1")
    expected = np.cumsum(n_turns) - n_turns
    _refuse(
        program["first_turn"] != expected,
        lambda i: f"program {i}: first_turn = {program['first_turn'][i]}: must be {expected[i]}",
    )
    if n_turns.sum() != len(turn):
        raise InvalidProgramsError(f"programs have {n_turns.sum()} turns, and there are {len(turn)}")
    owner = np.repeat(np.arange(n), n_turns)
    _refuse(turn["program"] != owner, lambda i: f"turn {i}: program = {turn['program'][i]}: must be {owner[i]}")


def _check_turns(programs: Programs) -> None:
    turn, segment = programs.turn, programs.segment
    prompt, new, output = (turn[name].astype(np.int64) for name in ("prompt_tokens", "new_tokens", "output_tokens"))
    _refuse(prompt < 1, lambda i: f"turn {i}: prompt_tokens = {prompt[i]}: must be at least 1")
    _refuse((new < 0) | (new > prompt), lambda i: f"turn {i}: new_tokens = {new[i]}: must be in 0 .. {prompt[i]}")
    _refuse(output < 1, lambda i: f"turn {i}: output_tokens = {output[i]}: must be at least 1")
    leaf = turn["segment"]
    _refuse(
        (leaf < 0) | (leaf >= len(segment)),
        lambda i: f"turn {i}: segment = {leaf[i]}: there are {len(segment)} segments",
    )
    covered = (segment["start_block"].astype(np.int64) + segment["n_blocks"])[leaf]
    needed = -(-(prompt + output) // programs.block_size)
    _refuse(
        covered < needed,
        lambda i: f"turn {i}: segment {leaf[i]} ends with block {covered[i]}, prompt and output need {needed[i]}",
    )


def _check_edges(programs: Programs) -> None:
    turn, edge = programs.turn, programs.edge
    n_edges = turn["n_edges"].astype(np.int64)
    _refuse(n_edges < 0, lambda i: f"turn {i}: n_edges = {n_edges[i]}: must be at least 0")
    expected = np.cumsum(n_edges) - n_edges
    _refuse(
        turn["first_edge"] != expected,
        lambda i: f"turn {i}: first_edge = {turn['first_edge'][i]}: must be {expected[i]}",
    )
    if n_edges.sum() != len(edge):
        raise InvalidProgramsError(f"turns have {n_edges.sum()} edges, and there are {len(edge)}")
    source, target = np.repeat(np.arange(len(turn)), n_edges), edge["target"]
    _refuse((target < 0) | (target >= len(turn)), lambda i: f"edge {i}: target = {target[i]}: no such turn")
    _refuse(
        target <= source,
        lambda i: f"edge {i}: target = {target[i]}: must come after turn {source[i]}, which it leaves",
    )
    _refuse(
        turn["program"][target] != turn["program"][source],
        lambda i: f"edge {i}: from turn {source[i]} to {target[i]}: of another program",
    )
    parents = np.bincount(target, minlength=len(turn))
    _refuse(
        turn["n_parents"] != parents,
        lambda i: f"turn {i}: n_parents = {turn['n_parents'][i]}: {parents[i]} edges lead to it",
    )
    gap_s, tool = edge["gap_s"], edge["tool"]
    _refuse(
        ~(np.isfinite(gap_s) & (gap_s >= 0)),
        lambda i: f"edge {i}: gap_s = {gap_s[i]}: must be finite and at least 0",
    )
    _refuse(
        (tool < 0) | (tool >= len(programs.tools)),
        lambda i: f"edge {i}: tool = {tool[i]}: there are {len(programs.tools)} tools",
    )
    _refuse(edge["failures"] < 0, lambda i: f"edge {i}: failures = {edge['failures'][i]}: must be at least 0")
