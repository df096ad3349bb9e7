"""Segments and the paths that turns read (semantics, "Segments, blocks, hits")."""

from collections.abc import Mapping
from typing import NamedTuple

from agentsim_env.workload.programs import Programs

EVERYTHING = 10**9
"""More blocks than any path has."""


class PathSegment(NamedTuple):
    """A segment on a path: its id, the blocks before it on the path, and its length in blocks."""

    id: int
    start: int
    length: int


Path = tuple[PathSegment, ...]


def path_to(programs: Programs, leaf: int) -> Path:
    """The segments from the root to `leaf`."""
    path: list[PathSegment] = []
    while leaf >= 0:
        row = programs.segment[leaf]
        path.append(PathSegment(leaf, int(row["start_block"]), int(row["n_blocks"])))
        leaf = int(row["parent"])
    return tuple(reversed(path))


def matching(resident: Mapping[int, int], path: Path) -> int:
    """Blocks of `path` found from the root on, where so many leading blocks of each segment are held."""
    found = 0
    for segment in path:
        held = resident.get(segment.id, 0)
        found += held
        if held < segment.length:
            break
    return found


def blocks_for(tokens: int, block_size: int) -> int:
    """Blocks that hold `tokens`, the last one perhaps in part."""
    return -(-tokens // block_size)
