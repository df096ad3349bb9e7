"""What goes down to the tiers below HBM (semantics, "Tiers and links")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reference.batch.instance import Instance
from tests.reference.programs.turn import Turn
from tests.reference.residency.pool import KVPool
from tests.reference.residency.segments import EVERYTHING, Path, path_to
from tests.reference.tiers.links import Link, Source, Transfer
from tests.reference.tiers.shelf import Shelf
from tests.reference.tiers.topology import TIERS, Way

if TYPE_CHECKING:
    from tests.reference.world import World


class Copies:
    """Makes copies of what is in HBM, when a turn ends, when it is evicted, or because a rule wants it.

    Attributes:
        staged: Blocks in the staging buffer of each source.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.spec = world.memory
        self.topology = world.topology
        self.staged: dict[Source, int] = {}

    # When copies are made.

    def write_through(self, instance: Instance, turn: Turn) -> None:
        """A turn has ended: what it leaves is copied down, if that is the policy."""
        if self.spec.write_policy == "write_through":
            self.store(instance.number, turn.path, (turn.prompt + turn.output - 1) // instance.block_size)

    def store(self, number: int, path: Path, blocks: int) -> None:
        """Copy the first `blocks` blocks of a path to all tiers."""
        for kind in TIERS:
            way = self.topology.way_down(("hbm", number), kind)
            if way is not None and blocks > 0 and way.shelf.missing(path, 0, blocks):
                self.send(number, way, path, blocks, demotes=False)

    def evicting(self, instance: Instance, segment: int, begin: int, end: int) -> None:
        """HBM is about to give up blocks `begin` to `end` of a segment."""
        if self.spec.write_policy == "write_back":
            source = ("hbm", instance.number)
            first = "dram" if self.topology.way_down(source, "dram") else "cxl"
            self.write_back(instance, source, first, segment, 0, begin, end)

    def demote(self, number: int, path: Path, blocks: int, kind: str) -> None:
        """Have the first `blocks` blocks of a path in a tier instead of HBM."""
        way = self.topology.way_down(("hbm", number), kind)
        blocks = min(blocks, self.world.instances[number].pool.match(path, EVERYTHING))
        if way is None or blocks <= 0:
            return
        if way.shelf.reach(path, 0) >= blocks:
            self.leave_hbm(self.world.instances[number], path, blocks)
        else:
            self.send(number, way, path, blocks, demotes=True)

    # How.

    def send(self, number: int, way: Way, path: Path, blocks: int, demotes: bool) -> None:
        instance = self.world.instances[number]
        transfer = self.copy(instance, ("hbm", number), way, path, 0, blocks)
        if transfer is not None:
            transfer.demotes = demotes
            instance.pool.lock(path, transfer.held, blocks)
            self.start(transfer, way.down, instance)

    def write_back(self, payer: Instance, source: Source, kind: str, leaf: int, has: int, begin: int, end: int) -> None:
        """Blocks `begin` to `end` of a segment, of which `source` has those from `has` on, are about to be given up."""
        way = self.topology.way_down(source, kind)
        if way is None:
            return
        path = path_to(self.world.workload, leaf)
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
        transfer = self.copy(payer, source, way, path, start + begin, start + end)
        if transfer is not None:
            transfer.staged = True
            self.staged[source] = self.staged.get(source, 0) + missing
            self.start(transfer, way.down, payer)

    def copy(self, payer: Instance, source: Source, way: Way, path: Path, first: int, end: int) -> Transfer | None:
        """Make room for a part of a path in a tier; the transfer that is to bring it, or None if there is no room."""
        shelf = way.shelf
        missing, more = shelf.missing(path, first, end), shelf.growth(path, first, end)
        shelf.lock(path, first, end)
        if more > shelf.free + shelf.idle:
            shelf.unlock(path, first, end)
            self.lose(source, missing)
            return None
        wanted = more
        in_use = shelf.capacity - shelf.free
        if in_use + more > shelf.watermark_blocks:
            wanted = max(more, shelf.free + min(int(shelf.batch_share * in_use), shelf.idle))
        while shelf.free < wanted:
            segment, begin, stop = shelf.oldest(wanted - shelf.free)
            self.pass_on(payer, shelf, segment, begin, stop)
            shelf.give_up(segment, begin)
        shelf.expect(path, first, end)
        return Transfer(source, shelf, path, first, end, missing)

    def pass_on(self, payer: Instance, shelf: Shelf, segment: int, begin: int, end: int) -> None:
        """What a pool of the upper tier gives up goes to the one below it."""
        uppers = self.topology.shelves.get("dram", [])
        if self.spec.write_policy == "write_back" and shelf in uppers:
            source = ("dram", uppers.index(shelf))
            self.write_back(payer, source, "cxl", segment, shelf.runs[segment].first, begin, end)

    def lose(self, source: Source, blocks: int) -> None:
        if source[0] == "hbm":
            self.world.instances[source[1]].lost_blocks += blocks

    def start(self, transfer: Transfer, link: Link, payer: Instance) -> None:
        """Put a copy on its way; if transfers are serialized, it is there at once, and its instance pays later."""
        if self.spec.transfers == "serialized":
            payer.owed_s += link.pass_at_once(transfer)
            self.arrived(transfer)
        else:
            link.add(transfer, self.world.now)

    # What becomes of them.

    def arrived(self, transfer: Transfer) -> list[int]:
        """A copy has arrived; the instances that are to look at their queues again."""
        assert transfer.shelf is not None
        transfer.shelf.arrive(transfer.path, transfer.first, transfer.end, transfer.void)
        if transfer.staged:
            self.staged[transfer.source] -= transfer.missing
        kind, at = transfer.source
        if transfer.void or kind != "hbm":
            return []
        instance = self.world.instances[at]
        instance.stored_blocks += transfer.missing
        instance.pool.release(transfer.held)
        if transfer.demotes:
            self.leave_hbm(instance, transfer.path, transfer.end)
        return [] if transfer.staged else [at]

    def leave_hbm(self, instance: Instance, path: Path, blocks: int) -> None:
        """Give up the first `blocks` blocks of a path, the deepest segment first, as far as nobody uses them."""
        pool = instance.pool
        for segment in reversed([segment for segment in path if segment.start < blocks]):
            held = pool.resident.get(segment.id, 0)
            if segment.id not in pool.evictable or segment.start + held > blocks or self.has_child(pool, segment.id):
                return
            pool.forget(segment.id)
            pool.free += held
            instance.demoted_blocks += held

    def has_child(self, pool: KVPool, segment: int) -> bool:
        return any(self.world.workload.segment["parent"][other] == segment for other in pool.resident)

    def instance_down(self, number: int) -> None:
        """What comes from an instance that fails has no effect, but stays on its link."""
        for link in self.topology.links:
            for transfer in link.queue:
                if transfer.load is None and transfer.source == ("hbm", number) and not transfer.void:
                    transfer.void = True
                    self.world.instances[number].pool.release(transfer.held)
