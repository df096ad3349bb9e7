"""The gate before the engine: whatever a workload comes from, it is what the engine takes it for, or it is refused.

Compiled code follows indices without looking; a wrong one reads and writes other memory, and a cycle never ends. So
every workload passes here at every reset, drawn ones too: it takes about a tenth of a millisecond.
"""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from agentsim_env.limits import LONGEST_S, MOST_COUNT, MOST_INT32, MOST_RETRIES
from agentsim_env.workload.programs import ARRAYS, EDGE, PROGRAM, REPORT, SEGMENT, TURN, Programs, Tool
from agentsim_env.workload.refusing import InvalidProgramsError, check_range, refuse
from agentsim_env.workload.societies import check_societies


def validate(programs: Programs) -> None:
    """Checks everything that `Programs` promises, and the limits of the engine.

    Raises:
        InvalidProgramsError: At the first entry that breaks a promise.
    """
    _check_kinds(programs)
    _check_tools(programs)
    ends = _check_segments(programs.segment)
    _check_programs(programs)
    _check_turns(programs, ends)
    _check_graph(programs)
    _check_calls(programs)
    check_societies(programs)


def checked_copy(programs: Programs) -> Programs:
    """A workload with arrays of its own, so that no later change of the given ones reaches compiled code.

    Raises:
        InvalidProgramsError: See `validate`.
    """
    validate(programs)
    arrays = {name: np.array(getattr(programs, name)) for name in ARRAYS}
    return programs._replace(**arrays)


def _check_kinds(programs: Programs) -> None:
    if not isinstance(programs, Programs):
        raise InvalidProgramsError(
            f"programs: must be a Programs, as ProgramBuilder and read_programs give it, not {type(programs).__name__}"
        )
    for name, dtype in zip(ARRAYS, (PROGRAM, TURN, EDGE, SEGMENT, REPORT), strict=True):
        array: Any = getattr(programs, name)
        if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
            raise InvalidProgramsError(f"{name}: must be a one-dimensional array of dtype {dtype}")
        if isinstance(array, np.ma.MaskedArray):
            raise InvalidProgramsError(f"{name}: must be an array without a mask: leave out what is masked")
        if not (array.flags.c_contiguous and array.flags.aligned):
            raise InvalidProgramsError(f"{name}: must lie in one piece, aligned, as its copy does: np.array({name})")
    check_whole(programs.block_size, "block_size", 1)


def check_whole(value: Any, name: str, least: int) -> None:
    """Refuses what is not a whole number of at least `least`, as the engine counts."""
    if not isinstance(value, Integral) or isinstance(value, bool) or not least <= int(value) <= MOST_COUNT:
        raise InvalidProgramsError(f"{name} = {value!r:.60}: must be a whole number from {least} to {MOST_COUNT:,}")


def _check_tools(programs: Programs) -> None:
    for name, kind in (("tools", Tool), ("families", str), ("tenants", str)):
        entries = getattr(programs, name)
        if isinstance(entries, str) or not isinstance(entries, Sequence):
            raise InvalidProgramsError(f"{name}: must be a tuple")
        wrong = next((i for i, entry in enumerate(entries) if not isinstance(entry, kind)), None)
        if wrong is not None:
            raise InvalidProgramsError(f"{name}: entry {wrong} is {entries[wrong]!r:.60}: must be a {kind.__name__}")
    for i, tool in enumerate(programs.tools):
        if not isinstance(tool.name, str):
            raise InvalidProgramsError(f"tool {i}: name = {tool.name!r:.60}: must be a text")
        check_whole(tool.concurrency, f"tool {i} ({tool.name}): concurrency", 0)
        if not isinstance(tool.backoff_s, Real) or not 0 <= tool.backoff_s <= LONGEST_S:
            reason = f"must be in 0 .. {LONGEST_S:g} seconds"
            raise InvalidProgramsError(f"tool {i} ({tool.name}): backoff_s = {tool.backoff_s!r}: {reason}")


def _check_segments(segment: np.ndarray) -> np.ndarray:
    """Checks the forest; returns the block behind each path."""
    parent, n_blocks = segment["parent"], segment["n_blocks"]
    refuse(
        (parent < -1) | (parent >= np.arange(len(segment))),
        lambda i: f"segment {i}: parent = {parent[i]}: must come before the segment, or be -1",
    )
    check_range(n_blocks, "segment.n_blocks", 1, MOST_INT32, "must be at least 1")
    ends = segment["start_block"] + n_blocks.astype(np.int64)
    expected = np.where(parent >= 0, ends[parent], 0)
    refuse(
        segment["start_block"] != expected,
        lambda i: f"segment {i}: start_block = {segment['start_block'][i]}: must be {expected[i]}, its parent's end",
    )
    refuse(ends > MOST_INT32, lambda i: f"segment {i}: ends with block {ends[i]}: must be at most {MOST_INT32:,}")
    return ends


def _check_programs(programs: Programs) -> None:
    program, turn = programs.program, programs.turn
    n = len(program)
    check_range(
        program["arrival_s"],
        "program.arrival_s",
        0.0,
        LONGEST_S,
        f"must be finite and at least 0, at most {LONGEST_S:g} s",
    )
    deadline_s = program["deadline_s"]
    refuse(np.isnan(deadline_s), lambda i: f"program {i}: deadline_s is not a number")
    _check_arrivals(program["after"].astype(np.int64), program["arrival_s"])
    for field, names in (("family", programs.families), ("tenant", programs.tenants)):
        check_range(program[field], f"program.{field}", 0, len(names) - 1, f"there are {len(names)} names")
    n_turns = program["n_turns"].astype(np.int64)
    check_range(n_turns, "program.n_turns", 1, MOST_INT32, "must be at least 1")
    ends = np.cumsum(n_turns)
    first = program["first_turn"]
    refuse(first != ends - n_turns, lambda i: f"program {i}: first_turn = {first[i]}: must be {ends[i] - n_turns[i]}")
    if n_turns.sum() != len(turn):
        raise InvalidProgramsError(f"programs have {n_turns.sum()} turns, and there are {len(turn)}")
    owner = np.repeat(np.arange(n, dtype=np.int32), n_turns)
    refuse(turn["program"] != owner, lambda i: f"turn {i}: program = {turn['program'][i]}: must be {owner[i]}")


def _check_arrivals(after: np.ndarray, arrival_s: np.ndarray) -> None:
    """Programs that wait for no other are in order; the others wait for one that has not, at the end, waited for them.

    Args:
        after: Program that each one waits for, -1 for none.
        arrival_s: Times of arrival, or delays.
    """
    n = len(after)
    check_range(after, "program.after", -1, n - 1, f"must be -1, or one of the {n} programs")
    roots = np.flatnonzero(after == -1)
    times = arrival_s[roots]
    if (times[1:] < times[:-1]).any():
        late = roots[1:][times[1:] < times[:-1]]
        reason = "programs with after = -1 must be in order"
        raise InvalidProgramsError(f"program {late[0]}: arrival_s = {arrival_s[late[0]]}: {reason}")
    if len(roots) == n:
        return
    reached = after
    for _ in range(n.bit_length()):
        reached = np.where(reached >= 0, reached[reached], -1)
    refuse(reached >= 0, lambda i: f"program {i}: after = {after[i]}: waits for itself, over others")


def _check_turns(programs: Programs, ends: np.ndarray) -> None:
    turn = programs.turn
    prompt, new = turn["prompt_tokens"].astype(np.int64), turn["new_tokens"]
    output, leaf = turn["output_tokens"], turn["segment"]
    check_range(prompt, "turn.prompt_tokens", 1, MOST_INT32, "must be at least 1")
    refuse((new < 0) | (new > prompt), lambda i: f"turn {i}: new_tokens = {new[i]}: must be in 0 .. {prompt[i]}")
    check_range(output, "turn.output_tokens", 1, MOST_INT32, "must be at least 1")
    total = prompt + output
    check_range(total, "turn.prompt_tokens + output_tokens", 1, MOST_INT32, f"must be at most {MOST_INT32:,}")
    n_segments = len(programs.segment)
    check_range(leaf, "turn.segment", 0, n_segments - 1, f"there are {n_segments} segments")
    covered = ends[leaf]
    size = programs.block_size
    refuse(
        covered * size < total,
        lambda i: (
            f"turn {i}: segment {leaf[i]} ends with block {covered[i]}, prompt and output need {-(-total[i] // size)}"
        ),
    )


def _check_graph(programs: Programs) -> None:
    """Edges stand in the order of the turns that they leave, and lead to later turns of the same program."""
    turn, target = programs.turn, programs.edge["target"].astype(np.int64)
    n_turns, n_edges = len(turn), turn["n_edges"].astype(np.int64)
    check_range(n_edges, "turn.n_edges", 0, MOST_INT32, "must be at least 0")
    ends = np.cumsum(n_edges)
    first = turn["first_edge"]
    refuse(first != ends - n_edges, lambda i: f"turn {i}: first_edge = {first[i]}: must be {ends[i] - n_edges[i]}")
    if n_edges.sum() != len(target):
        raise InvalidProgramsError(f"turns have {n_edges.sum()} edges, and there are {len(target)}")
    source = np.repeat(np.arange(n_turns), n_edges)
    check_range(target, "edge.target", 0, n_turns - 1, "no such turn")
    refuse(
        target <= source,
        lambda i: f"edge {i}: target = {target[i]}: must come after turn {source[i]}, which it leaves",
    )
    owner = turn["program"]
    refuse(
        owner[target] != owner[source],
        lambda i: f"edge {i}: from turn {source[i]} to {target[i]}: of another program",
    )
    parents = np.bincount(target, minlength=n_turns)
    refuse(
        turn["n_parents"] != parents,
        lambda i: f"turn {i}: n_parents = {turn['n_parents'][i]}: {parents[i]} edges lead to it",
    )


def _check_calls(programs: Programs) -> None:
    """Tools of the edges, and the time that each call takes with all its attempts and back-offs."""
    edge, tools = programs.edge, programs.tools
    gap_s, tool, failures = edge["gap_s"], edge["tool"], edge["failures"]
    check_range(gap_s, "edge.gap_s", 0.0, LONGEST_S, f"must be finite and at least 0, at most {LONGEST_S:g} s")
    check_range(tool, "edge.tool", 0, len(tools) - 1, f"there are {len(tools)} tools")
    check_range(failures, "edge.failures", 0, MOST_RETRIES, f"must be in 0 .. {MOST_RETRIES}")
    if failures.any():
        call_s = call_times_s(programs)
        refuse(
            call_s > LONGEST_S,
            lambda i: (
                f"edge {i}: failures = {failures[i]}: with gap_s = {gap_s[i]:g} and a back-off of"
                f" {tools[tool[i]].backoff_s:g} s that doubles the call takes {call_s[i]:g} s; at most {LONGEST_S:g}"
            ),
        )


def call_times_s(programs: Programs) -> np.ndarray:
    """Time of each call with its failed attempts and back-offs, without waits for a server, `f8 [edges]`."""
    edge = programs.edge
    backoff_s = np.array([tool.backoff_s for tool in programs.tools] or [0.0])[edge["tool"]]
    failures = edge["failures"].astype(float)
    return edge["gap_s"] * (failures + 1.0) + backoff_s * (np.exp2(failures) - 1.0)
