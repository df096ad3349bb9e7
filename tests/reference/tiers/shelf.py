"""A pool below HBM: for each segment one run of blocks (semantics, "Tiers and links")."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.reference.residency.segments import Path


@dataclass
class Run:
    """Blocks `first` to `end` of a segment have a place; of them, `ready` to `ready_end` have arrived.

    Attributes:
        arriving: Transfers on their way into it.
        torn: One of them was lost.
    """

    first: int
    end: int
    ready: int
    ready_end: int
    locks: int = 0
    arriving: int = 0
    torn: bool = False

    @property
    def size(self) -> int:
        return self.end - self.first

    def apart(self, first: int, end: int) -> bool:
        return end < self.first or first > self.end


def parts(path: Path, first: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(segment, from, to) of blocks `first` to `end` of a path, the deepest segment first."""
    for segment in reversed(path):
        begin, stop = max(first - segment.start, 0), min(end - segment.start, segment.length)
        if begin < stop:
            yield segment.id, begin, stop


class Shelf:
    """`capacity = free + idle + locked`; `released` is the idle segments, least recently released first.

    What would leave more than `watermark_blocks` in use has it give up `batch_share` of these first.
    """

    def __init__(self, capacity: int, watermark_blocks: int, batch_share: float) -> None:
        self.capacity = capacity
        self.watermark_blocks = watermark_blocks
        self.batch_share = batch_share
        self.runs: dict[int, Run] = {}
        self.released: list[int] = []

    @property
    def free(self) -> int:
        return self.capacity - sum(run.size for run in self.runs.values())

    @property
    def idle(self) -> int:
        return sum(self.runs[segment].size for segment in self.released)

    def reach(self, path: Path, first: int) -> int:
        """Where the blocks end that go on from block `first`."""
        at = first
        for segment in path:
            offset = at - segment.start
            if offset >= segment.length:
                continue
            run = self.runs.get(segment.id)
            if run is None or not run.ready <= offset < run.ready_end:
                break
            at = segment.start + run.ready_end
            if run.ready_end < segment.length:
                break
        return at

    def missing(self, path: Path, first: int, end: int) -> int:
        """Blocks that have to be moved so that blocks `first` to `end` are here."""
        total = 0
        for segment, begin, stop in parts(path, first, end):
            run = self.runs.get(segment)
            if run is None or (run.apart(begin, stop) and not run.locks):
                total += stop - begin
            elif not run.apart(begin, stop):
                total += max(0, run.first - begin) + max(0, stop - run.end)
        return total

    def growth(self, path: Path, first: int, end: int) -> int:
        """How much more is here then."""
        total = 0
        for segment, begin, stop in parts(path, first, end):
            run = self.runs.get(segment)
            if run is None:
                total += stop - begin
            elif not run.apart(begin, stop):
                total += max(run.end, stop) - min(run.first, begin) - run.size
            elif not run.locks:
                total += stop - begin - run.size
        return total

    def lock(self, path: Path, first: int, end: int) -> None:
        for segment, _, _ in parts(path, first, end):
            if segment in self.runs:
                self.runs[segment].locks += 1
                if segment in self.released:
                    self.released.remove(segment)

    def unlock(self, path: Path, first: int, end: int) -> None:
        for segment, _, _ in parts(path, first, end):
            if segment in self.runs:
                self.unlock_one(segment)

    def unlock_one(self, segment: int) -> None:
        run = self.runs[segment]
        run.locks -= 1
        if run.locks == 0:
            if run.size:
                self.released.append(segment)
            else:
                del self.runs[segment]

    def expect(self, path: Path, first: int, end: int) -> None:
        """Keep room for what is on its way; what was here of it is locked already."""
        for segment, begin, stop in parts(path, first, end):
            run = self.runs.get(segment)
            if run is None:
                run = self.runs[segment] = Run(begin, stop, begin, begin, locks=1)
            elif not run.apart(begin, stop):
                run.first, run.end = min(run.first, begin), max(run.end, stop)
            elif run.locks == 1:
                run.first, run.end, run.ready, run.ready_end = begin, stop, begin, begin
            run.arriving += 1

    def arrive(self, path: Path, first: int, end: int, void: bool) -> None:
        for segment, begin, stop in parts(path, first, end):
            run = self.runs[segment]
            begin, stop = max(begin, run.first), min(stop, run.end)
            if void:
                run.torn = True
            elif begin < stop and run.ready == run.ready_end:
                run.ready, run.ready_end = begin, stop
            elif begin < stop and begin <= run.ready_end and stop >= run.ready:
                run.ready, run.ready_end = min(run.ready, begin), max(run.ready_end, stop)
            run.arriving -= 1
            if not run.arriving:
                if run.torn:
                    run.first, run.end, run.torn = run.ready, run.ready_end, False
                run.ready, run.ready_end = run.first, run.end
            self.unlock_one(segment)

    def oldest(self, blocks: int) -> tuple[int, int, int]:
        """(segment, from, to) of what is given up next, at most `blocks`."""
        run = self.runs[self.released[0]]
        return self.released[0], run.end - min(blocks, run.size), run.end

    def give_up(self, segment: int, begin: int) -> None:
        """Blocks from `begin` on are gone."""
        run = self.runs[segment]
        run.end = run.ready_end = begin
        if not run.size:
            del self.runs[segment]
            self.released.remove(segment)
