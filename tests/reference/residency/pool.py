"""KV blocks of one instance (semantics, "Segments, blocks, hits")."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from tests.reference.residency.kv_time import KVTime
from tests.reference.residency.pins import Pin
from tests.reference.residency.segments import Path, matching


@dataclass
class Facts:
    """What is known of a segment since it is there.

    Attributes:
        entered: Number of its coming.
        uses: Stays of turns in a batch that have locked it and have ended.
        programs: Those of the turns, in order.
        released_s: When it was last released.
    """

    entered: int
    uses: int = 0
    programs: tuple[int, ...] = ()
    released_s: float = 0.0


class KVPool:
    """`capacity = free + idle + pinned + locked + owned`, counted in blocks.

    Attributes:
        resident: Leading blocks held, by segment; a segment that holds none is absent.
        locks: Running turns that lock a segment, by segment; absent at none.
        time: What blocks have been held for.
        idle_since: When segments that nobody locks were last locked.
        released: Idle segments, least recently released first.
        first: Idle segments that have been given up; they go before those.
        pins: By the turn that has left them.
        parent: Parent of each segment that has been published.
        facts: What is known of a segment that is held.
        made: Segments that have ever come.
        owned: Blocks of running turns that are not published.

    Args:
        capacity: In blocks.
        choose: Names the idle segment that goes, where none has been given up; the least recently released by default.
        evicting: Told (segment, from, to) before blocks are evicted.
        eviction: What goes: `blocks`, as many of a segment as are short, or `objects`, all of it.
        timed_eviction: An iteration that needs more than is free begins a new run.
    """

    def __init__(
        self,
        capacity: int,
        choose: Callable[[KVPool], int] | None = None,
        evicting: Callable[[int, int, int], None] | None = None,
        eviction: str = "blocks",
        timed_eviction: bool = False,
    ) -> None:
        self.capacity = capacity
        self.choose = choose or least_recently_released
        self.evicting = evicting
        self.eviction = eviction
        self.timed_eviction = timed_eviction
        self.time = KVTime()
        self.idle_since: dict[int, float] = {}
        self.evicted_blocks = 0
        self.dropped_blocks = 0
        self.pins_made = 0
        self.pins_used = 0
        self.pins_expired = 0
        self.pins_broken = 0
        self.made = 0
        self.parent: dict[int, int] = {}
        self.clear()

    def clear(self) -> None:
        """All KV is gone."""
        self.waste_idle()
        self.free = self.capacity
        self.owned = 0
        self.resident: dict[int, int] = {}
        self.locks: dict[int, int] = {}
        self.released: list[int] = []
        self.first: list[int] = []
        self.pins: dict[int, Pin] = {}
        self.facts: dict[int, Facts] = {}

    def copy(self) -> KVPool:
        """A copy that can be changed, of which nobody is told."""
        other = copy.copy(self)
        other.resident, other.locks = dict(self.resident), dict(self.locks)
        other.released, other.first = list(self.released), list(self.first)
        other.pins = dict(self.pins)
        other.facts = {segment: copy.copy(facts) for segment, facts in self.facts.items()}
        other.idle_since, other.time = dict(self.idle_since), copy.copy(self.time)
        other.evicting = None
        return other

    @property
    def evictable(self) -> list[int]:
        """Idle segments, in the order in which they are given up."""
        return self.first + self.released

    @property
    def idle(self) -> int:
        return sum(self.resident[segment] for segment in self.evictable)

    @property
    def pinned_segments(self) -> set[int]:
        """Segments that are pinned and that nobody locks."""
        return {segment for pin in self.pins.values() for segment in pin.segments} - set(self.locks)

    @property
    def pinned(self) -> int:
        return sum(self.resident[segment] for segment in self.pinned_segments)

    @property
    def used(self) -> int:
        """What is neither free nor idle."""
        return self.capacity - self.free - self.idle

    @property
    def locked(self) -> int:
        return sum(self.resident[segment] for segment in self.locks)

    @property
    def available(self) -> int:
        return self.free + self.idle

    def match(self, path: Path, limit: int) -> int:
        """Blocks of `path` found from the root on, at most `limit`."""
        return min(matching(self.resident, path), limit)

    def idle_on(self, path: Path, blocks: int) -> int:
        """Idle blocks of the segments that a lock on the first `blocks` blocks of `path` takes."""
        return sum(self.resident[s.id] for s in path if s.start < blocks and s.id in self.evictable)

    def unlocked_on(self, path: Path, blocks: int) -> int:
        """Likewise, pinned ones included."""
        held = [s.id for s in path if s.start < blocks and s.id in self.resident]
        return sum(self.resident[segment] for segment in held if segment not in self.locks)

    def locked_on(self, path: Path) -> int:
        """Blocks of a path, from the root to the end of the deepest segment that somebody locks."""
        ends = [segment.start + self.resident[segment.id] for segment in path if segment.id in self.locks]
        return max(ends, default=0)

    def held_of(self, path: Path, blocks: int) -> tuple[int, ...]:
        """Segments of the first `blocks` blocks of `path` that are here."""
        return tuple(s.id for s in path if s.start < blocks and s.id in self.resident)

    def children(self, segment: int) -> list[int]:
        """What stands on it here."""
        return [child for child in self.resident if self.parent.get(child) == segment]

    def lock(self, path: Path, held: list[int], blocks: int) -> None:
        """Extend a turn's lock `held` to all segments that begin within the first `blocks` blocks of `path`."""
        for segment in path[len(held) :]:
            if segment.start < blocks:
                if segment.id in self.idle_since:
                    self.time.add("reused", self.resident[segment.id], self.idle_since.pop(segment.id))
                self.locks[segment.id] = self.locks.get(segment.id, 0) + 1
                self.leave_idle(segment.id)
                held.append(segment.id)

    def release(self, held: list[int]) -> None:
        """Give up a turn's lock: the deepest segment is the first to become idle."""
        while held:
            segment = held.pop()
            self.locks[segment] -= 1
            if self.locks[segment] == 0:
                del self.locks[segment]
                self.idle_since[segment] = self.time.at_s
                if segment not in self.pinned_segments:
                    self.released.append(segment)
                    self.facts[segment].released_s = self.time.at_s

    def leave_idle(self, segment: int) -> None:
        for idle in (self.first, self.released):
            if segment in idle:
                idle.remove(segment)

    def note_use(self, segments: list[int], program: int) -> None:
        """A turn has had these in its stay in a batch."""
        for segment in segments:
            self.facts[segment].uses += 1
            self.facts[segment].programs += (program,)

    # Pins.

    def pin(self, pin: Pin) -> None:
        """Keep segments; a pin of the same program on the same leaf ends."""
        earlier = [p for p in self.pins.values() if (p.program, p.leaf) == (pin.program, pin.leaf)]
        self.pins[pin.turn] = pin
        self.pins_made += 1
        for segment in pin.segments:
            self.leave_idle(segment)
        for old in sorted(earlier, key=lambda p: -p.made):
            self.unpin(old.turn)

    def unpin(self, turn: int, goes_first: bool = False) -> None:
        """A pin ends: what nobody locks or pins any more is idle, the deepest first.

        It can be what goes first, as far as nothing else stands on it.
        """
        pin = self.pins.pop(turn)
        below: list[int] = []
        for segment in reversed(pin.segments):
            if any(segment in other.segments for other in self.pins.values()):
                break
            goes_first = goes_first and self.children(segment) == below
            below = [segment]
            if segment not in self.locks:
                (self.first if goes_first else self.released).append(segment)
                self.facts[segment].released_s = self.time.at_s

    def put_first(self, pin: Pin) -> None:
        """What a pin would keep goes first instead."""
        self.pins[pin.turn] = pin
        for segment in pin.segments:
            self.leave_idle(segment)
        self.unpin(pin.turn, goes_first=True)

    def use_pins(self, turn: int) -> None:
        """A turn joins the batch: what was kept for it has done its work."""
        for pin in sorted(self.pins.values(), key=lambda p: -p.made):
            if turn in pin.followers:
                self.unpin(pin.turn)
                self.pins_used += 1

    def break_pin(self) -> None:
        """Give up the pin with the latest deadline of those that free something."""
        useful = [pin for pin in self.pins.values() if pin.segments[-1] not in self.locks]
        self.unpin(max(useful, key=lambda pin: (pin.expiry_s, pin.turn)).turn)
        self.pins_broken += 1

    # Room.

    def drop(self, segments: tuple[int, ...]) -> None:
        """Give up idle segments of a path, the deepest first, as far as nothing stands on them."""
        for segment in reversed(segments):
            if segment not in self.evictable or self.children(segment):
                break
            blocks = self.resident[segment]
            self.forget(segment)
            self.free += blocks
            self.dropped_blocks += blocks

    def make_room(self, blocks: int) -> bool:
        """Evict from the tails of idle segments until `blocks` are free; whether that begins a new run."""
        broken, evicted = self.pins_broken, self.evicted_blocks
        while self.free < blocks:
            if not self.evictable:
                self.break_pin()
                continue
            segment = self.first[0] if self.first else self.choose(self)
            held = self.resident[segment]
            taken = held if self.eviction == "objects" else min(blocks - self.free, held)
            if self.evicting is not None:
                self.evicting(segment, held - taken, held)
            self.time.add("wasted", taken, self.idle_since[segment])
            self.resident[segment] -= taken
            self.free += taken
            self.evicted_blocks += taken
            if self.resident[segment] == 0:
                self.forget(segment)
        return self.pins_broken > broken or (self.timed_eviction and self.evicted_blocks > evicted)

    def forget(self, segment: int) -> None:
        self.leave_idle(segment)
        self.time.add("wasted", self.resident[segment], self.idle_since.pop(segment))
        del self.resident[segment]
        del self.facts[segment]

    def waste_idle(self) -> None:
        """Nobody will use what is idle now any more."""
        for segment, since_s in self.idle_since.items():
            self.time.add("wasted", self.resident[segment], since_s)
        self.idle_since = {}

    def own(self, blocks: int) -> None:
        """Turn free blocks into owned ones; a negative number gives them back."""
        self.free -= blocks
        self.owned += blocks

    def publish(self, path: Path, blocks: int) -> None:
        """Make the first `blocks` blocks of a locked path resident, from free blocks where they are not yet."""
        self.parent.update((child.id, parent.id) for parent, child in pairwise(path))
        for segment in path:
            wanted = min(segment.length, blocks - segment.start)
            missing = wanted - self.resident.get(segment.id, 0)
            if missing > 0:
                if segment.id not in self.resident:
                    self.made += 1
                    self.facts[segment.id] = Facts(self.made, released_s=self.time.at_s)
                self.resident[segment.id] = wanted
                self.free -= missing


def least_recently_released(pool: KVPool) -> int:
    return pool.released[0]
