"""KV blocks of one instance (semantics, "Segments, blocks, hits")."""

import copy
from collections.abc import Callable
from typing import NamedTuple

from agentsim_env.workload.programs import Programs


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


class KVPool:
    """`capacity = free + idle + locked + owned`, counted in blocks.

    Attributes:
        resident: Leading blocks held, by segment; a segment that holds none is absent.
        locks: Running turns that lock a segment, by segment; absent at none.
        released: Idle segments, least recently released first.
        evicting: Told (segment, from, to) before blocks are evicted; None on a copy.
        owned: Blocks of running turns that are not published.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.evicted_blocks = 0
        self.evicting: Callable[[int, int, int], None] | None = None
        self.clear()

    def clear(self) -> None:
        """All KV is gone."""
        self.free = self.capacity
        self.owned = 0
        self.resident: dict[int, int] = {}
        self.locks: dict[int, int] = {}
        self.released: list[int] = []

    def copy(self) -> "KVPool":
        """A copy that can be changed."""
        other = copy.copy(self)
        other.resident, other.locks = dict(self.resident), dict(self.locks)
        other.released = list(self.released)
        other.evicting = None
        return other

    @property
    def idle(self) -> int:
        return sum(self.resident[segment] for segment in self.released)

    @property
    def locked(self) -> int:
        return sum(self.resident[segment] for segment in self.locks)

    @property
    def available(self) -> int:
        return self.free + self.idle

    def match(self, path: Path, limit: int) -> int:
        """Blocks of `path` found from the root on, at most `limit`."""
        found = 0
        for segment in path:
            held = self.resident.get(segment.id, 0)
            found += held
            if held < segment.length:
                break
        return min(found, limit)

    def idle_on(self, path: Path, blocks: int) -> int:
        """Idle blocks of the segments that a lock on the first `blocks` blocks of `path` takes."""
        return sum(self.resident[s.id] for s in path if s.start < blocks and s.id in self.released)

    def lock(self, path: Path, held: list[int], blocks: int) -> None:
        """Extend a turn's lock `held` to all segments that begin within the first `blocks` blocks of `path`."""
        for segment in path[len(held) :]:
            if segment.start < blocks:
                self.locks[segment.id] = self.locks.get(segment.id, 0) + 1
                if segment.id in self.released:
                    self.released.remove(segment.id)
                held.append(segment.id)

    def release(self, held: list[int]) -> None:
        """Give up a turn's lock: the deepest segment is the first to become idle."""
        while held:
            segment = held.pop()
            self.locks[segment] -= 1
            if self.locks[segment] == 0:
                del self.locks[segment]
                self.released.append(segment)

    def make_room(self, blocks: int) -> None:
        """Evict, from the tail of the least recently released segment, until `blocks` are free."""
        while self.free < blocks:
            segment = self.released[0]
            taken = min(blocks - self.free, self.resident[segment])
            if self.evicting is not None:
                self.evicting(segment, self.resident[segment] - taken, self.resident[segment])
            self.resident[segment] -= taken
            self.free += taken
            self.evicted_blocks += taken
            if self.resident[segment] == 0:
                del self.resident[segment]
                self.released.pop(0)

    def own(self, blocks: int) -> None:
        """Turn free blocks into owned ones; a negative number gives them back."""
        self.free -= blocks
        self.owned += blocks

    def publish(self, path: Path, blocks: int) -> None:
        """Make the first `blocks` blocks of a locked path resident, from free blocks where they are not yet."""
        for segment in path:
            wanted = min(segment.length, blocks - segment.start)
            missing = wanted - self.resident.get(segment.id, 0)
            if missing > 0:
                self.resident[segment.id] = wanted
                self.free -= missing


def blocks_for(tokens: int, block_size: int) -> int:
    """Blocks that hold `tokens`, the last one perhaps in part."""
    return -(-tokens // block_size)
