"""What is brought up into HBM, from the tiers below it or from another instance (semantics, "Tiers and links")."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.reference.batch.instance import Instance
from tests.reference.programs.turn import Turn
from tests.reference.residency.segments import EVERYTHING, Path
from tests.reference.tiers.links import AHEAD, DEMAND, Link, Transfer

if TYPE_CHECKING:
    from tests.reference.world import World

Pieces = list[tuple[Link, Transfer]]


@dataclass(eq=False)
class Load:
    """What is brought up for a waiting turn, from several places; it takes effect when the last one has delivered.

    Attributes:
        turn: Whom it is for; None if it has set out ahead of use.
        match: Blocks of the path that are there; it brings those from there to `end`.
        program: For whom it has set out ahead of use; None if it has not.
        adapter: The adapter that it brings; None if it brings none.
        left: Pieces that have not arrived.
        waiters: Turns that wait for it.
        held: What it locks in HBM where it goes.
    """

    instance: int
    path: Path
    turn: Turn | None
    match: int
    end: int
    program: int | None = None
    adapter: int | None = None
    left: int = 0
    waiters: list[Turn] = field(default_factory=list)
    pieces: list[Transfer] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    void: bool = False

    def brings(self, path: Path, match: int, most: int) -> bool:
        """Whether it adds to the first `match` blocks of a path, up to `most`."""
        shared = [mine for mine, other in zip(self.path, path, strict=False) if mine == other]
        return min(self.end, sum(segment.length for segment in shared), most) > match


class Loads:
    """The loads on their way, in the order in which they set out."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.topology = world.topology
        self.on_way: list[Load] = []

    # A load sets out.

    def load(self, instance: Instance, turn: Turn) -> bool:
        """Bring up what a waiting turn lacks: its adapter, and of its prefix what can be; whether there is any.

        On a copy of an instance, on which an iteration is tried, nothing moves.
        """
        match, most = instance.match(turn), (turn.target - 1) // instance.block_size
        if self.waits_for_another(instance, turn, match, most):
            return True
        load = Load(instance.number, turn.path, turn, match, match)
        pieces = self.from_tiers(load, most, DEMAND) + self.from_peer(load, most)
        pieces += self.from_host(load, instance, turn.program, DEMAND)
        if not pieces:
            return False
        lacking = load.adapter is not None
        turn.lacked_adapter |= lacking
        if not instance.is_trial:
            self.world.prefetcher.missed(instance.number, turn, match, lacking)
        self.set_out(load, instance, pieces)
        return True

    def waits_for_another(self, instance: Instance, turn: Turn, match: int, most: int) -> bool:
        """Whether a turn waits for what is on its way, for its program, with its adapter or with more of its prefix."""
        load = self.world.prefetcher.on_way.get(turn.program)
        adapter = instance.adapter_of(turn.program)
        lacking = not instance.adapters.is_there(adapter)
        turn.lacked_adapter |= lacking
        if load is None or load.instance != instance.number or turn.handed:
            load = instance.adapters.on_way.get(adapter) if adapter is not None else None
        if load is None:
            load = self.load_that_brings(instance.number, turn.path, match, most)
        if load is None:
            return False
        turn.loading = True
        if not instance.is_trial:
            self.world.prefetcher.missed(instance.number, turn, match, lacking)
            load.waiters.append(turn)
            self.hasten(load)
        return True

    def load_that_brings(self, number: int, path: Path, match: int, most: int) -> Load | None:
        """The first load on its way to an instance that adds to what it has of a path."""
        return next((load for load in self.on_way if load.instance == number and load.brings(path, match, most)), None)

    def hasten(self, load: Load) -> None:
        for piece in load.pieces:
            for link in self.topology.links:
                if piece in link.queue:
                    link.hasten(piece, self.world.now)

    def ahead(self, number: int, turn: Turn, match: int, most: int) -> None:
        """Bring up what the tiers have of a context before a turn asks for it."""
        load = Load(number, turn.path, None, match, match, turn.program)
        pieces = self.from_tiers(load, most, AHEAD)
        pieces += self.from_host(load, self.world.instances[number], turn.program, AHEAD)
        for _, transfer in pieces:
            transfer.distance = self.world.societies.distance(self.world.orchestrator.program(turn))
        self.world.prefetcher.sets_out(load)
        self.set_out(load, self.world.instances[number], pieces)

    def from_tiers(self, load: Load, most: int, urgency: int) -> Pieces:
        """What the tiers can add to a load, the first tier first."""
        pieces: Pieces = []
        for shelf, link in self.topology.ways_up(load.instance):
            end = min(shelf.reach(load.path, load.end), most)
            if end > load.end:
                source = ("hbm", load.instance)
                transfer = Transfer(source, shelf, load.path, load.end, end, end - load.end, urgency, load=load)
                pieces.append((link, transfer))
                load.end = end
        return pieces

    def from_peer(self, load: Load, most: int) -> Pieces:
        """What the instance that holds most of the path can add to a load; of equals the first."""
        number, links = load.instance, self.topology.peers
        others = [other for other in self.world.instances if other.number != number]
        if not links or links[number].bytes_per_s == 0 or load.end >= most or not others:
            return []
        best = max(others, key=lambda other: (other.pool.match(load.path, EVERYTHING), -other.number))
        end = min(best.pool.match(load.path, EVERYTHING), most)
        if end <= load.end:
            return []
        source = ("hbm", best.number)
        transfer = Transfer(source, None, load.path, load.end, end, end - load.end, DEMAND, load=load)
        load.end = end
        return [(links[number], transfer)]

    def from_host(self, load: Load, instance: Instance, program: int, urgency: int) -> Pieces:
        """The adapter that the turns of a program need, if it is neither here nor on its way."""
        adapter = instance.adapter_of(program)
        if adapter is None or not instance.adapters.lacks(adapter):
            return []
        load.adapter = adapter
        shelf, link = self.topology.ways_up(instance.number)[0]
        transfer = Transfer(("hbm", load.instance), shelf, load.path, load.end, load.end, 0, urgency, load=load)
        transfer.adapter_blocks = instance.spec.adapter_blocks
        return [(link, transfer)]

    def set_out(self, load: Load, instance: Instance, pieces: Pieces) -> None:
        """Keep room for a load, and put its pieces on their way."""
        load.pieces, load.left = [transfer for _, transfer in pieces], len(pieces)
        if load.adapter is not None:
            instance.adapters.expect(load.adapter, load)
        if not instance.is_trial:
            for transfer in load.pieces:
                self.lock_source(transfer)
        instance.pool.lock(load.path, load.held, load.match)
        instance.pool.make_room(load.end - load.match)
        instance.reserve(load.end - load.match)
        if load.turn is not None:
            load.turn.loading = True
            load.waiters.append(load.turn)
        if not instance.is_trial:
            self.on_way.append(load)
            for link, transfer in pieces:
                self.start(transfer, link, instance)

    def start(self, transfer: Transfer, link: Link, instance: Instance) -> None:
        """If transfers are serialized, it is there at once, and its instance pays later."""
        if self.world.memory.transfers == "serialized":
            instance.owed_s += link.pass_at_once(transfer)
            self.arrived(transfer)
        else:
            link.add(transfer, self.world.now)

    def lock_source(self, transfer: Transfer) -> None:
        if transfer.shelf is not None:
            transfer.shelf.lock(transfer.path, transfer.first, transfer.end)
        else:
            number = transfer.source[1]
            self.world.instances[number].pool.lock(transfer.path, transfer.held, transfer.end)
            self.world.iterations.touched.add(number)

    def unlock_source(self, transfer: Transfer) -> None:
        if transfer.shelf is not None:
            transfer.shelf.unlock(transfer.path, transfer.first, transfer.end)
        else:
            self.world.instances[transfer.source[1]].pool.release(transfer.held)

    # A load arrives; each returns the instances that are to look at their queues again.

    def arrived(self, transfer: Transfer) -> list[int]:
        """A piece has arrived, perhaps the last one."""
        load = transfer.load
        assert load is not None
        if load.void:
            self.world.instances[load.instance].wasted_blocks += transfer.size
            return []
        again = [] if transfer.peer is None else [transfer.peer]
        self.unlock_source(transfer)
        transfer.done = True
        load.left -= 1
        if load.left == 0:
            self.take_effect(load)
            again.insert(0, load.instance)
        return again

    def take_effect(self, load: Load) -> None:
        instance = self.world.instances[load.instance]
        instance.reserve(load.match - load.end)
        instance.pool.lock(load.path, load.held, load.end)
        instance.pool.publish(load.path, load.end)
        instance.pool.release(load.held)
        if load.adapter is not None:
            instance.adapters.arrive(load.adapter)
        for piece in load.pieces:
            instance.loaded_blocks += piece.missing if piece.shelf is not None else 0
            instance.migrated_blocks += piece.missing if piece.shelf is None else 0
        if self.world.memory.transfers == "serialized":
            instance.loaded = True
        else:
            self.world.iterations.filled.append(load.instance)
        if load.program is not None:
            self.world.prefetcher.arrived(load)
        self.free_waiters(load)
        if load.turn is not None:
            self.world.handover.let_go(load.turn)

    # A load gives way.

    def give_way(self, link: Link) -> list[int]:
        """What is on a link is to stop now for what is wanted; it is asked for again from where it began."""
        transfer = link.queue[0]
        if transfer.urgency == DEMAND:
            link.go_on()
            return []
        load = transfer.load
        assert load is not None
        instance = self.world.instances[load.instance]
        instance.wasted_blocks += link.stop(self.world.now)
        if load.void:
            return []
        instance.prefetches_interrupted += 1
        self.withdraw(load)
        self.world.prefetcher.ask(load.instance)
        return [load.instance]

    def cancel_ahead(self, number: int) -> None:
        """What is to be brought up to an instance ahead of its use, and has not begun, is not asked for any more."""
        firsts = [link.queue[0] for link in self.topology.links if link.queue]
        for load in [load for load in self.on_way if load.instance == number]:
            begun = any(piece.done or piece in firsts for piece in load.pieces)
            if load.pieces[0].urgency == AHEAD and not begun:
                self.world.instances[number].prefetches_cancelled += 1
                self.withdraw(load)
                self.world.iterations.wake(number)

    def withdraw(self, load: Load) -> None:
        """A load has no effect any more; pieces that wait leave their links, others stay until their end."""
        self.give_up(load)
        self.world.prefetcher.withdrawn(load)
        for link in self.topology.links:
            for transfer in link.queue[1:]:
                if transfer.load is load:
                    link.forget(transfer)

    # A load is lost.

    def instance_down(self, number: int) -> list[int]:
        """Loads that go to an instance that fails, or come from it, have no effect, but stay on their links."""
        again: list[int] = []
        for link in self.topology.links:
            for transfer in link.queue:
                load = transfer.load
                if load is not None and not load.void and number in (load.instance, transfer.peer):
                    self.lose(load)
                    ends = [piece.peer for piece in load.pieces] + [load.instance]
                    again += [end for end in ends if end is not None and end != number]
        return list(dict.fromkeys(again))

    def cancel(self, turn: Turn) -> None:
        """What is on its way for a turn, if anything is, is not wanted any more; what it waits for beside others is."""
        for load in [load for load in self.on_way if turn in load.waiters]:
            load.waiters.remove(turn)
            turn.loading = False
            if load.turn is turn:
                self.lose(load)

    def lose(self, load: Load) -> None:
        self.give_up(load)
        if load.program is not None:
            self.world.prefetcher.lost(load)

    def give_up(self, load: Load) -> None:
        """Nothing comes of it: what it locks and keeps free is given back."""
        instance = self.world.instances[load.instance]
        load.void = True
        if load.adapter is not None:
            del instance.adapters.on_way[load.adapter]
        for piece in load.pieces:
            if piece.done:
                instance.wasted_blocks += piece.size
            else:
                self.unlock_source(piece)
        instance.pool.release(load.held)
        instance.reserve(load.match - load.end)
        self.free_waiters(load)

    def free_waiters(self, load: Load) -> None:
        """It has arrived or is lost: nobody waits for it any more."""
        self.on_way.remove(load)
        for turn in load.waiters:
            turn.loading = False
        load.waiters = []
