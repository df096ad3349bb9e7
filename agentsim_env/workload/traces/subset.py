"""Parts of a workload: some of its programs, with the segments that they need."""

import numpy as np

from agentsim_env.workload.programs import SEGMENT, Programs


def spans(first: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The concatenation of the ranges `first[i] .. first[i] + count[i] - 1`."""
    count = count.astype(np.int64)
    shift = np.repeat(first - np.cumsum(count) + count, count)
    return shift + np.arange(len(shift))


def take_programs(programs: Programs, chosen: np.ndarray) -> Programs:
    """The workload of some programs, in the order of `chosen`; the segments stay as they are.

    Args:
        programs: A workload without closed-loop arrivals.
        chosen: Indices of programs, each at most once.

    Raises:
        ValueError: A program waits for the end of another (`after`).
    """
    program = programs.program[chosen]
    if (program["after"] >= 0).any():
        raise ValueError("programs that start after the end of others (closed loop) cannot be taken apart")
    turns = spans(program["first_turn"].astype(np.int64), program["n_turns"])
    turn = programs.turn[turns]
    edges = spans(turn["first_edge"].astype(np.int64), turn["n_edges"])
    edge = programs.edge[edges]
    turn_at = _places(turns, len(programs.turn))
    edge["target"] = turn_at[edge["target"]]
    report = take_reports(programs.report, _places(chosen, len(programs.program)), turn_at)
    turn["program"] = np.repeat(np.arange(len(program)), program["n_turns"])
    turn["first_edge"] = np.cumsum(turn["n_edges"], dtype=np.int64) - turn["n_edges"]
    program["first_turn"] = np.cumsum(program["n_turns"], dtype=np.int64) - program["n_turns"]
    return programs._replace(program=program, turn=turn, edge=edge, report=report)


def _places(chosen: np.ndarray, n: int) -> np.ndarray:
    """Place of each of `n` entries among the chosen ones, -1 for the others."""
    place = np.full(n, -1, np.int64)
    place[chosen] = np.arange(len(chosen))
    return place


def take_reports(report: np.ndarray, program_at: np.ndarray, turn_at: np.ndarray) -> np.ndarray:
    """The reports that are left where some programs and turns are taken.

    Args:
        report: `REPORT` array.
        program_at: New number of each program, -1 for those that are left out.
        turn_at: New number of each turn, likewise.
    """
    in_step = report["turn"] < 0
    turn = np.where(in_step, -1, turn_at[report["turn"]]) if len(turn_at) else report["turn"]
    kept = (program_at[report["program"]] >= 0) & (in_step | (turn >= 0))
    left = report[kept]
    left["program"], left["turn"] = program_at[left["program"]], turn[kept]
    return left


def needed_segments(segment: np.ndarray, leaf: np.ndarray) -> np.ndarray:
    """Segments on the paths to `leaf`, ascending."""
    needed = np.zeros(len(segment), dtype=bool)
    front = np.unique(leaf)
    while len(front):
        needed[front] = True
        above = segment["parent"][front]
        above = np.unique(above[above >= 0])
        front = above[~needed[above]]
    return np.flatnonzero(needed)


def compact_segments(
    segment: np.ndarray, leaf: np.ndarray, needed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Drops the segments that no path uses, and joins those that only one other goes on from.

    Args:
        segment: `SEGMENT` array.
        leaf: Leaf of each turn.
        needed: Segments on the paths to `leaf`, ascending, if known.

    Returns:
        The new segments and the new leaves.
    """
    kept = needed_segments(segment, leaf) if needed is None else needed
    n = len(kept)
    parent = segment["parent"][kept]
    has_parent = parent >= 0
    parent = np.where(has_parent, np.searchsorted(kept, parent), -1)
    children = np.bincount(parent[has_parent], minlength=n)
    joined = has_parent & (children[parent] == 1)
    top = np.where(joined, parent, np.arange(n))
    while not np.array_equal(above := top[top], top):
        top = above
    tops = np.flatnonzero(~joined)
    new = np.zeros(len(tops), dtype=SEGMENT)
    new["n_blocks"] = np.bincount(top, weights=segment["n_blocks"][kept], minlength=n)[tops]
    new["start_block"] = segment["start_block"][kept][tops]
    new["parent"] = np.where(parent[tops] >= 0, np.searchsorted(tops, top[parent[tops]]), -1)
    return new, np.searchsorted(tops, top[np.searchsorted(kept, leaf)])
