"""Tiers below HBM and what moves between them and the instances (semantics, "Tiers and links")."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agentsim_env.workload.programs import Programs
from tests.reference.batching import Instance
from tests.reference.description import MemorySpec, TierSpec
from tests.reference.events import Events, Kind
from tests.reference.residency import KVPool, Path, path_to
from tests.reference.shelf import Shelf
from tests.reference.turn import Turn

if TYPE_CHECKING:
    from tests.reference.prefetch import Prefetcher

EVERYTHING = 10**9
DEMAND, AHEAD, BEHIND = range(3)

Source = tuple[str, int]  # ("hbm", instance) or ("dram", pool)


@dataclass(eq=False)
class Load:
    """What is brought up for a waiting turn, from several places; it takes effect when the last one has delivered.

    Attributes:
        turn: Whom it is for; None if it has set out ahead of use.
        waiters: Turns that wait for it.
        program: For whom it has set out ahead of use; None if it has not.
    """

    instance: int
    path: Path
    turn: Turn | None
    match: int
    end: int
    program: int | None = None
    left: int = 0
    waiters: list[Turn] = field(default_factory=list)
    pieces: list[Transfer] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    void: bool = False

    def brings(self, path: Path, match: int, most: int) -> bool:
        """Whether it adds to the first `match` blocks of a path, up to `most`."""
        shared = [mine for mine, other in zip(self.path, path, strict=False) if mine == other]
        return min(self.end, sum(segment.length for segment in shared), most) > match


@dataclass(eq=False)
class Transfer:
    """Blocks `first` to `end` of a path on a link; `missing` of them move.

    Attributes:
        source: Where a copy comes from, or whom a load reads that has no shelf.
        shelf: The lower pool that it fills, or that a load reads; None for the HBM of another instance.
        held: What it locks in HBM at its source.
        load: The load that it is a part of; None for a copy that goes down.
    """

    source: Source
    shelf: Shelf | None
    path: Path
    first: int
    end: int
    missing: int
    urgency: int = BEHIND
    held: list[int] = field(default_factory=list)
    load: Load | None = None
    staged: bool = False
    demotes: bool = False
    done: bool = False
    void: bool = False


class Link:
    """One direction between two memories: a transfer at a time, the others wait in order."""

    def __init__(self, number: int, bytes_per_s: float, tier: TierSpec, block_bytes: float, events: Events) -> None:
        self.number = number
        self.bytes_per_s = bytes_per_s
        self.tier = tier
        self.block_bytes = block_bytes
        self.events = events
        self.queue: list[Transfer] = []
        self.asked_blocks = 0
        self.moved_blocks = 0

    def add(self, transfer: Transfer, now: float) -> None:
        self.asked_blocks += transfer.missing
        self.insert(transfer)
        if len(self.queue) == 1:
            self.begin(now)

    def insert(self, transfer: Transfer) -> None:
        at = len(self.queue)
        if self.tier.by_priority:
            # The first one is on the link.
            while at > 1 and self.queue[at - 1].urgency > transfer.urgency:
                at -= 1
        self.queue.insert(at, transfer)

    def hasten(self, transfer: Transfer) -> None:
        """It is wanted now, if it still waits."""
        if transfer.urgency == DEMAND:
            return
        transfer.urgency = DEMAND
        if self.tier.by_priority and transfer in self.queue[1:]:
            self.queue.remove(transfer)
            self.insert(transfer)

    def begin(self, now: float) -> None:
        self.events.push(now + self.seconds(self.queue[0]), Kind.TRANSFER_END, self.number)

    def seconds(self, transfer: Transfer) -> float:
        return self.tier.latency_s + transfer.missing * self.block_bytes / self.bytes_per_s

    def end(self, now: float) -> Transfer:
        """The transfer that has ended; the next one begins."""
        ended = self.queue.pop(0)
        self.moved_blocks += ended.missing
        if self.queue:
            self.begin(now)
        return ended


@dataclass
class Way:
    """To a pool and back from it."""

    shelf: Shelf
    down: Link
    up: Link | None


class Tiers:
    """The pools below HBM, and the transfers."""

    def __init__(self, spec: MemorySpec, programs: Programs, instances: list[Instance], events: Events) -> None:
        self.spec = spec
        self.programs = programs
        self.instances = instances
        self.links: list[Link] = []
        self.ways: dict[tuple[str, int, str], Way] = {}
        self.staged: dict[Source, int] = {}
        self.let_go: Callable[[Turn], None] = lambda _: None  # releases what a prefill instance keeps for a turn
        self.prefetcher: Prefetcher | None = None
        self.filled: list[int] = []  # instances in which a load has just arrived: their runs end
        self.loads: list[Load] = []  # on their way, in the order in which they set out
        self.touched: set[int] = set()  # instances in which others have locked something: their runs end
        self.shelves = {tier.kind: [Shelf(tier.blocks) for _ in range(max(tier.pool_of) + 1)] for tier in spec.tiers}
        for tier in spec.tiers:
            for i, pool in enumerate(tier.pool_of):
                down, up = self.link(tier.down_bytes_per_s, tier, events), self.link(tier.up_bytes_per_s, tier, events)
                self.ways["hbm", i, tier.kind] = Way(self.shelves[tier.kind][pool], down, up)
        if len(spec.tiers) == 2:
            upper, lower = spec.tiers
            for pool in sorted(set(upper.pool_of)):
                shelf = self.shelves["cxl"][lower.pool_of[upper.pool_of.index(pool)]]
                down = self.link(lower.from_above_bytes_per_s, lower, events)
                self.ways["dram", pool, "cxl"] = Way(shelf, down, None)

        peer = spec.peer
        self.peers = [self.link(peer.up_bytes_per_s, peer, events) for _ in instances] if peer is not None else []

    def link(self, bytes_per_s: float, tier: TierSpec, events: Events) -> Link:
        self.links.append(Link(len(self.links), bytes_per_s, tier, self.spec.block_bytes, events))
        return self.links[-1]

    def way(self, source: Source, kind: str) -> Way | None:
        """To a tier that is there and whose link down moves something."""
        way = self.ways.get((*source, kind))
        return way if way is not None and way.down.bytes_per_s > 0 else None

    # Down.

    def start(self, transfer: Transfer, link: Link, payer: int, now: float) -> None:
        """Put a transfer on its way; if transfers are serialized, it is there at once, and its instance pays later."""
        if not self.spec.serialized:
            link.add(transfer, now)
            return
        link.asked_blocks += transfer.missing
        link.moved_blocks += transfer.missing
        self.instances[payer].owed_s += link.seconds(transfer)
        self.arrived(transfer)

    def copy(
        self, payer: int, source: Source, way: Way, path: Path, first: int, end: int, now: float
    ) -> Transfer | None:
        """Make room for a part of a path in a tier; the transfer that is to bring it, or None if there is no room."""
        shelf = way.shelf
        missing, more = shelf.missing(path, first, end), shelf.growth(path, first, end)
        shelf.lock(path, first, end)
        if more > shelf.free + shelf.idle:
            shelf.unlock(path, first, end)
            self.lose(source, missing)
            return None
        while shelf.free < more:
            segment, begin, stop = shelf.oldest(more - shelf.free)
            self.pass_on(payer, shelf, segment, begin, stop, now)
            shelf.give_up(segment, begin)
        shelf.expect(path, first, end)
        return Transfer(source, shelf, path, first, end, missing)

    def lose(self, source: Source, blocks: int) -> None:
        if source[0] == "hbm":
            self.instances[source[1]].lost_blocks += blocks

    def pass_on(self, payer: int, shelf: Shelf, segment: int, begin: int, end: int, now: float) -> None:
        """What a pool of the upper tier gives up goes to the one below it."""
        if self.spec.policy == "write_back" and shelf in self.shelves.get("dram", []):
            source = ("dram", self.shelves["dram"].index(shelf))
            self.write_back(payer, source, "cxl", segment, shelf.runs[segment].first, begin, end, now)

    def write_back(
        self, payer: int, source: Source, kind: str, leaf: int, has: int, begin: int, end: int, now: float
    ) -> None:
        """Blocks `begin` to `end` of a segment, of which `source` has those from `has` on, are about to be given up."""
        way = self.way(source, kind)
        if way is None:
            return
        path = path_to(self.programs, leaf)
        start = path[-1].start
        run = way.shelf.runs.get(leaf)
        if run is not None and has <= run.end < begin:
            begin = run.end
        missing = way.shelf.missing(path, start + begin, start + end)
        if not missing:
            return
        if self.staged.get(source, 0) + missing > self.spec.staging_blocks:
            self.lose(source, missing)
            return
        transfer = self.copy(payer, source, way, path, start + begin, start + end, now)
        if transfer is not None:
            transfer.staged = True
            self.staged[source] = self.staged.get(source, 0) + missing
            self.start(transfer, way.down, payer, now)

    def evicted(self, number: int, segment: int, begin: int, end: int, now: float) -> None:
        """HBM is about to give up blocks `begin` to `end` of a segment."""
        if self.spec.policy == "write_back":
            first = "dram" if self.way(("hbm", number), "dram") else "cxl"
            self.write_back(number, ("hbm", number), first, segment, 0, begin, end, now)

    def store(self, number: int, path: Path, blocks: int, now: float) -> None:
        """Copy the first `blocks` blocks of a path to all tiers."""
        for kind in ("dram", "cxl"):
            way = self.way(("hbm", number), kind)
            if way is not None and blocks > 0 and way.shelf.missing(path, 0, blocks):
                self.send(number, way, path, blocks, False, now)

    def send(self, number: int, way: Way, path: Path, blocks: int, demotes: bool, now: float) -> None:
        transfer = self.copy(number, ("hbm", number), way, path, 0, blocks, now)
        if transfer is not None:
            transfer.demotes = demotes
            self.instances[number].pool.lock(path, transfer.held, blocks)
            self.start(transfer, way.down, number, now)

    def demote(self, number: int, path: Path, blocks: int, kind: str, now: float) -> None:
        """Have the first `blocks` blocks of a path in a tier instead of HBM."""
        way = self.way(("hbm", number), kind)
        blocks = min(blocks, self.instances[number].pool.match(path, EVERYTHING))
        if way is None or blocks <= 0:
            return
        if way.shelf.reach(path, 0) >= blocks:
            self.leave_hbm(number, path, blocks)
        else:
            self.send(number, way, path, blocks, True, now)

    def leave_hbm(self, number: int, path: Path, blocks: int) -> None:
        """Give up the first `blocks` blocks of a path, the deepest segment first, as far as nobody uses them."""
        instance = self.instances[number]
        pool: KVPool = instance.pool
        for segment in reversed([segment for segment in path if segment.start < blocks]):
            held = pool.resident.get(segment.id, 0)
            if segment.id not in pool.evictable or segment.start + held > blocks or self.has_child(pool, segment.id):
                return
            pool.forget(segment.id)
            pool.free += held
            instance.demoted_blocks += held

    def has_child(self, pool: KVPool, segment: int) -> bool:
        return any(self.programs.segment["parent"][other] == segment for other in pool.resident)

    # Up.

    def load(self, number: int, instance: Instance, turn: Turn, match: int, now: float) -> bool:
        """Bring up what the tiers have of a waiting turn's prefix beyond `match` blocks; whether there is any.

        `instance` is instance `number`, or a copy of it on which an iteration is tried: then nothing moves.
        """
        most = (turn.target - 1) // instance.block_size
        if self.waits_for_another(number, instance, turn, match, most):
            return True
        load = Load(number, turn.path, turn, match, match)
        pieces = self.from_tiers(number, load, most, DEMAND)
        piece = self.from_peer(number, turn, load, most)
        if piece is not None:
            pieces.append((self.peers[number], piece))
            load.end, load.left = piece.end, load.left + 1
        if not pieces:
            return False
        if self.prefetcher is not None and instance is self.instances[number]:
            self.prefetcher.missed(number, turn, match)
        self.set_out(load, instance, pieces, now)
        return True

    def waits_for_another(self, number: int, instance: Instance, turn: Turn, match: int, most: int) -> bool:
        """Whether a turn waits for what is on its way, for its program or with more of its prefix."""
        load = self.prefetcher.on_way.get(turn.program) if self.prefetcher is not None else None
        if load is None or load.instance != number or turn.handed:
            load = self.load_that_brings(number, turn.path, match, most)
        if load is None:
            return False
        turn.loading = True
        if instance is self.instances[number]:
            if self.prefetcher is not None:
                self.prefetcher.missed(number, turn, match)
            load.waiters.append(turn)
            for piece in load.pieces:
                for link in self.links:
                    if piece in link.queue:
                        link.hasten(piece)
        return True

    def load_that_brings(self, number: int, path: Path, match: int, most: int) -> Load | None:
        """The first load on its way to an instance that adds to what it has of a path."""
        return next((load for load in self.loads if load.instance == number and load.brings(path, match, most)), None)

    def ahead(self, number: int, turn: Turn, match: int, most: int, now: float) -> Load:
        """Bring up what the tiers have of a context before a turn asks for it."""
        load = Load(number, turn.path, None, match, match, turn.program)
        pieces = self.from_tiers(number, load, most, AHEAD)
        self.instances[number].prefetches += 1
        assert self.prefetcher is not None
        self.prefetcher.on_way[turn.program] = load
        self.set_out(load, self.instances[number], pieces, now)
        return load

    def from_tiers(self, number: int, load: Load, most: int, urgency: int) -> list[tuple[Link, Transfer]]:
        pieces: list[tuple[Link, Transfer]] = []
        for kind in ("dram", "cxl"):
            way = self.ways.get(("hbm", number, kind))
            if way is None or way.up is None or way.up.bytes_per_s == 0 or load.end >= most:
                continue
            end = min(way.shelf.reach(load.path, load.end), most)
            if end > load.end:
                blocks = end - load.end
                transfer = Transfer(("hbm", number), way.shelf, load.path, load.end, end, blocks, urgency, load=load)
                pieces.append((way.up, transfer))
                load.end, load.left = end, load.left + 1
        return pieces

    def set_out(self, load: Load, instance: Instance, pieces: list[tuple[Link, Transfer]], now: float) -> None:
        load.pieces = [transfer for _, transfer in pieces]
        real = instance is self.instances[load.instance]
        if real:
            for transfer in load.pieces:
                self.lock_source(transfer)
        instance.pool.lock(load.path, load.held, load.match)
        instance.pool.make_room(load.end - load.match)
        instance.reserve(load.end - load.match)
        if load.turn is not None:
            load.turn.loading = True
            load.waiters.append(load.turn)
        if real:
            self.loads.append(load)
            for link, transfer in pieces:
                self.start(transfer, link, load.instance, now)

    def from_peer(self, number: int, turn: Turn, load: Load, most: int) -> Transfer | None:
        """What the instance that holds most of the turn's path can add to a load; of equals the first."""
        others = [j for j in range(len(self.instances)) if j != number]
        if not self.peers or self.peers[number].bytes_per_s == 0 or load.end >= most or not others:
            return None
        best = max(others, key=lambda j: (self.instances[j].pool.match(turn.path, EVERYTHING), -j))
        end = min(self.instances[best].pool.match(turn.path, EVERYTHING), most)
        if end <= load.end:
            return None
        return Transfer(("hbm", best), None, turn.path, load.end, end, end - load.end, DEMAND, load=load)

    def lock_source(self, transfer: Transfer) -> None:
        if transfer.shelf is not None:
            transfer.shelf.lock(transfer.path, transfer.first, transfer.end)
        else:
            self.instances[transfer.source[1]].pool.lock(transfer.path, transfer.held, transfer.end)
            self.touched.add(transfer.source[1])

    def unlock_source(self, transfer: Transfer) -> None:
        if transfer.shelf is not None:
            transfer.shelf.unlock(transfer.path, transfer.first, transfer.end)
        else:
            self.instances[transfer.source[1]].pool.release(transfer.held)

    # What has happened.

    def end(self, number: int, now: float) -> list[int]:
        """What was on a link has arrived; the instances that are to look at their queues again."""
        return self.arrived(self.links[number].end(now))

    def arrived(self, transfer: Transfer) -> list[int]:
        if transfer.load is not None:
            return self.end_part(transfer, transfer.load)
        assert transfer.shelf is not None
        transfer.shelf.arrive(transfer.path, transfer.first, transfer.end, transfer.void)
        if transfer.staged:
            self.staged[transfer.source] -= transfer.missing
        kind, at = transfer.source
        if transfer.void or kind != "hbm":
            return []
        self.instances[at].stored_blocks += transfer.missing
        self.instances[at].pool.release(transfer.held)
        if transfer.demotes:
            self.leave_hbm(at, transfer.path, transfer.end)
        return [] if transfer.staged else [at]

    def end_part(self, transfer: Transfer, load: Load) -> list[int]:
        if load.void:
            return []
        again = [] if transfer.shelf is not None else [transfer.source[1]]
        self.unlock_source(transfer)
        transfer.done = True
        load.left -= 1
        if load.left:
            return again
        instance = self.instances[load.instance]
        instance.reserve(load.match - load.end)
        instance.pool.lock(load.path, load.held, load.end)
        instance.pool.publish(load.path, load.end)
        instance.pool.release(load.held)
        for piece in load.pieces:
            instance.loaded_blocks += piece.missing if piece.shelf is not None else 0
            instance.migrated_blocks += piece.missing if piece.shelf is None else 0
        if self.spec.serialized:
            instance.loaded = True
        else:
            self.filled.append(load.instance)
        if load.program is not None and self.prefetcher is not None:
            self.prefetcher.arrived(load)
        self.free_waiters(load)
        if load.turn is not None:
            self.let_go(load.turn)
        return [load.instance, *again]

    def fail(self, number: int) -> list[int]:
        """What goes to an instance that fails or comes from it has no effect, but stays on its link.

        The instances at the other ends, which are to look at their queues again.
        """
        again: list[int] = []
        for link in self.links:
            for transfer in link.queue:
                load = transfer.load
                if load is not None and not load.void and number in (load.instance, self.peer_of(transfer)):
                    self.lose_load(load)
                    ends = [self.peer_of(piece) for piece in load.pieces] + [load.instance]
                    again += [end for end in ends if end not in (None, number)]
                elif load is None and transfer.source == ("hbm", number) and not transfer.void:
                    transfer.void = True
                    self.instances[number].pool.release(transfer.held)
        return list(dict.fromkeys(again))

    def peer_of(self, transfer: Transfer) -> int | None:
        return transfer.source[1] if transfer.shelf is None else None

    def cancel(self, turn: Turn) -> None:
        """What is on its way for a turn, if anything is, is not wanted any more; what it waits for beside others is."""
        for load in [load for load in self.loads if turn in load.waiters]:
            load.waiters.remove(turn)
            turn.loading = False
            if load.turn is turn:
                self.lose_load(load)

    def lose_load(self, load: Load) -> None:
        load.void = True
        for piece in load.pieces:
            if not piece.done:
                self.unlock_source(piece)
        instance = self.instances[load.instance]
        instance.pool.release(load.held)
        instance.reserve(load.match - load.end)
        if load.program is not None and self.prefetcher is not None:
            self.prefetcher.lost(load)
        self.free_waiters(load)

    def free_waiters(self, load: Load) -> None:
        """It has arrived or is lost: nobody waits for it any more."""
        self.loads.remove(load)
        for turn in load.waiters:
            turn.loading = False
        load.waiters = []

    def check(self) -> None:
        """Blocks of every pool, and what is on every link, are what was put there."""
        for shelf in (shelf for shelves in self.shelves.values() for shelf in shelves):
            assert shelf.free >= 0
            assert all(run.first <= run.ready <= run.ready_end <= run.end for run in shelf.runs.values())
            assert {segment for segment, run in shelf.runs.items() if not run.locks} == set(shelf.released)
        for link in self.links:
            assert link.asked_blocks == link.moved_blocks + sum(transfer.missing for transfer in link.queue)
        for source, blocks in self.staged.items():
            staged = [t.missing for link in self.links for t in link.queue if t.staged and t.source == source]
            assert blocks == sum(staged) <= self.spec.staging_blocks
        for number, instance in enumerate(self.instances):
            loads = {id(t.load): t.load for link in self.links for t in link.queue if t.load and not t.load.void}
            reserved = [load.end - load.match for load in loads.values() if load.instance == number]
            assert instance.reserved == sum(reserved)
            assert {id(load) for load in self.loads} == set(loads)
            waiters = [turn.id for load in self.loads if load.instance == number for turn in load.waiters]
            assert sorted(waiters) == sorted(turn.id for turn in instance.waiting if turn.loading)
