"""A tier below HBM and the links to it (semantics, "Tiers and links")."""

from dataclasses import dataclass, field

from tests.reference.batching import Instance
from tests.reference.description import TierSpec
from tests.reference.events import Events, Kind
from tests.reference.residency import KVPool, Path
from tests.reference.turn import Turn

EVERYTHING = 10**9


@dataclass
class Transfer:
    """A copy of the first `blocks` blocks of a path, up for a waiting turn or down for nobody.

    Attributes:
        missing: Blocks that it moves.
        source: What it locks where it comes from.
        held: What a load locks where it goes.
    """

    instance: int
    path: Path
    blocks: int
    missing: int
    turn: Turn | None = None
    source: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    void: bool = False


class Link:
    """One direction between an instance and its tier: a transfer at a time, the others wait in order."""

    def __init__(self, number: int, bytes_per_s: float, spec: TierSpec, events: Events) -> None:
        self.number = number
        self.bytes_per_s = bytes_per_s
        self.spec = spec
        self.events = events
        self.queue: list[Transfer] = []

    def add(self, transfer: Transfer, now: float) -> None:
        self.queue.append(transfer)
        if len(self.queue) == 1:
            self.begin(now)

    def begin(self, now: float) -> None:
        seconds = self.spec.latency_s + self.queue[0].missing * self.spec.block_bytes / self.bytes_per_s
        self.events.push(now + seconds, Kind.TRANSFER_END, self.number)

    def end(self, now: float) -> Transfer:
        """The transfer that has ended; the next one begins."""
        ended = self.queue.pop(0)
        if self.queue:
            self.begin(now)
        return ended


class Tiers:
    """The pools below HBM and what moves between them and the instances."""

    def __init__(self, spec: TierSpec, instances: list[Instance], events: Events) -> None:
        self.spec = spec
        self.instances = instances
        self.pools = [KVPool(spec.blocks) for _ in range(max(spec.pool_of) + 1)]
        self.links: list[Link] = []
        for _ in instances:
            for rate in (spec.down_bytes_per_s, spec.up_bytes_per_s):
                self.links.append(Link(len(self.links), rate, spec, events))

    def pool(self, number: int) -> KVPool:
        return self.pools[self.spec.pool_of[number]]

    def store(self, number: int, path: Path, blocks: int, now: float) -> None:
        """Copy the first `blocks` blocks of a path down."""
        missing = blocks - self.pool(number).match(path, EVERYTHING)
        if missing > 0 and self.spec.down_bytes_per_s > 0:
            transfer = Transfer(number, path, blocks, missing)
            self.instances[number].pool.lock(path, transfer.source, blocks)
            self.links[2 * number].add(transfer, now)

    def load(self, number: int, instance: Instance, turn: Turn, match: int, now: float) -> bool:
        """Bring up what the tier has of a waiting turn's prefix beyond `match` blocks; whether there is any.

        `instance` is instance `number`, or a copy of it on which an iteration is tried: then nothing moves.
        """
        most = (turn.target - 1) // instance.block_size
        blocks = min(self.pool(number).match(turn.path, EVERYTHING), most)
        if blocks <= match or self.spec.up_bytes_per_s == 0:
            return False
        transfer = Transfer(number, turn.path, blocks, blocks - match, turn)
        instance.pool.lock(turn.path, transfer.held, match)
        instance.pool.make_room(transfer.missing)
        instance.reserve(transfer.missing)
        turn.loading = True
        if instance is not self.instances[number]:
            return True
        self.pool(number).lock(turn.path, transfer.source, blocks)
        self.links[2 * number + 1].add(transfer, now)
        return True

    def end(self, link: int, now: float) -> int | None:
        """What was on a link has arrived; the instance that is to look at its queue again, if any."""
        transfer = self.links[link].end(now)
        if transfer.void:
            return None
        if transfer.turn is None:
            self.end_store(transfer)
        else:
            self.end_load(transfer, transfer.turn)
        return transfer.instance

    def end_store(self, transfer: Transfer) -> None:
        instance = self.instances[transfer.instance]
        instance.pool.release(transfer.source)
        pool, path, blocks = self.pool(transfer.instance), transfer.path, transfer.blocks
        before = pool.match(path, EVERYTHING)
        held: list[int] = []
        pool.lock(path, held, before)
        if max(0, blocks - before) <= pool.available:
            pool.make_room(max(0, blocks - before))
            pool.lock(path, held, blocks)
            pool.publish(path, blocks)
        pool.release(held)
        instance.stored_blocks += max(0, pool.match(path, EVERYTHING) - before)

    def end_load(self, transfer: Transfer, turn: Turn) -> None:
        instance = self.instances[transfer.instance]
        instance.reserve(-transfer.missing)
        self.pool(transfer.instance).release(transfer.source)
        instance.pool.lock(transfer.path, transfer.held, transfer.blocks)
        instance.pool.publish(transfer.path, transfer.blocks)
        instance.pool.release(transfer.held)
        instance.loaded_blocks += transfer.missing
        turn.loading = False

    def fail(self, number: int) -> None:
        """What goes to an instance that fails or comes from it has no effect, but stays on its link."""
        for link in self.links[2 * number : 2 * number + 2]:
            for transfer in link.queue:
                if not transfer.void:
                    self.lose(transfer)

    def lose(self, transfer: Transfer) -> None:
        transfer.void = True
        instance = self.instances[transfer.instance]
        if transfer.turn is None:
            instance.pool.release(transfer.source)
        else:
            self.pool(transfer.instance).release(transfer.source)
            instance.pool.release(transfer.held)
            instance.reserve(-transfer.missing)
            transfer.turn.loading = False
