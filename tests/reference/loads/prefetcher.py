"""What is brought up ahead of its use (semantics, "Prefetch")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.reference.batch.instance import Instance
from tests.reference.events import PREFETCH_TICK, Kind
from tests.reference.loads.loads import Load
from tests.reference.programs.turn import Turn
from tests.reference.rules.prefetch import BY_DISTANCE, none

if TYPE_CHECKING:
    from tests.reference.world import World


@dataclass
class Ahead:
    """What has been brought up for a program and has not been used yet: where, what was there before, and how much.

    Attributes:
        adapter: Its adapter has come, too.
    """

    instance: int
    match: int
    blocks: float
    adapter: bool

    def is_found(self, number: int, match: int, lacks_adapter: bool) -> bool:
        """Whether a turn finds anything of it on an instance."""
        return self.instance == number and (match > self.match or (self.adapter and not lacks_adapter))


class Prefetcher:
    """Asks a rule whose context an instance is to bring up.

    Attributes:
        asks: There is a rule, and a tier to bring something up from.
        acting: Programs none of whose turns is in the cluster, in the order in which their gaps began, and their home.
        to_ask: Instances for which the rule is to be asked.
        on_way: Loads that have set out ahead, by program.
        there: What they have left, likewise.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.rule = world.rules.prefetch_kv
        self.asks = self.rule.answer is not none and bool(world.memory.tiers)
        self.acting: dict[int, tuple[int, Turn]] = {}
        self.to_ask: list[int] = []
        self.tick_armed = False
        self.on_way: dict[int, Load] = {}
        self.there: dict[int, Ahead] = {}

    # The rule is asked.

    def ask(self, number: int) -> None:
        if self.asks and number not in self.to_ask:
            self.to_ask.append(number)

    def bring_up(self) -> None:
        """Bring up what the rule wants, for each instance for which something has changed."""
        while self.to_ask:
            number = self.to_ask[0]
            instance = self.world.instances[number]
            while instance.up and (turn := self.rule.answer(self, instance)) is not None:
                plan = self.plan(instance, turn)
                assert plan is not None
                match, end = plan
                self.world.loads.ahead(number, turn, match, end)
                self.world.iterations.end_run(number)
            self.to_ask.pop(0)
            if instance.up and self.world.memory.transfers == "serialized":
                self.world.iterations.look_again_at([number])

    def tick(self) -> None:
        self.tick_armed = False
        self.ask_for_acting()
        self.arm_tick()

    def ask_for_acting(self) -> None:
        """Those who act are nearer to their next turns, or have said something new of them."""
        homes = {home for home, _ in self.acting.values()}
        for number in sorted(homes):
            if self.rule.parameters.get("renew", 0.0):
                self.world.loads.cancel_ahead(number)
            self.ask(number)
        self.world.iterations.look_at_woken()

    def arm_tick(self) -> None:
        if self.acting and not self.tick_armed:
            self.tick_armed = True
            period_s = self.rule.parameters.get("period_s", 1.0)
            self.world.events.push(self.world.now + period_s, Kind.CONTROL_TICK, PREFETCH_TICK)

    # What can be brought up.

    def blocks_of(self, turn: Turn) -> int:
        """Blocks of its context that are worth it; after its end its output is among it, or only what is used again."""
        size = self.world.workload.block_size
        if not turn.has_ended:
            return (turn.prompt - 1) // size
        blocks = (turn.prompt + turn.output - 1) // size
        if self.rule.answer not in BY_DISTANCE:
            return blocks
        reused = [segment.start + segment.length for segment in turn.path if self.world.owners.of_segment(segment.id)]
        return min(blocks, max(reused, default=0))

    def plan(self, instance: Instance, turn: Turn) -> tuple[int, int] | None:
        """(blocks in HBM, blocks when the tiers have added theirs) of a context; None if nothing may be brought up."""
        most = self.blocks_of(turn)
        match = instance.pool.match(turn.path, most)
        end = self.reach(instance, turn, match, most)
        room = instance.pool.available - instance.pool.idle_on(turn.path, match)
        seen_to = self.is_seen_to(instance, turn, match, most)
        return (match, end) if end - match <= room and not seen_to else None

    def lacks(self, instance: Instance, turn: Turn) -> bool:
        """Whether there is something to bring up, with or without room for it, and nobody sees to that."""
        most = self.blocks_of(turn)
        match = instance.pool.match(turn.path, most)
        if self.is_seen_to(instance, turn, match, most):
            return False
        adapter = instance.adapter_of(turn.program)
        return self.reach(instance, turn, match, most) > match or instance.adapters.lacks(adapter)

    def reach(self, instance: Instance, turn: Turn, match: int, most: int) -> int:
        """Blocks of a context when the tiers have added theirs."""
        for shelf, _ in self.world.topology.ways_up(instance.number):
            match = min(shelf.reach(turn.path, match), most) if match < most else match
        return match

    def is_seen_to(self, instance: Instance, turn: Turn, match: int, most: int) -> bool:
        """Whether something for the program, or of the context, is on its way or has come and is unused."""
        known = turn.program in self.on_way or turn.program in self.there
        return known or self.world.loads.load_that_brings(instance.number, turn.path, match, most) is not None

    def can_bring(self, instance: Instance, turn: Turn) -> bool:
        """Whether there is something to bring up, and all of it finds room."""
        plan, adapter = self.plan(instance, turn), instance.adapter_of(turn.program)
        if plan is None or not instance.adapters.can_have(adapter):
            return False
        match, end = plan
        return end > match or instance.adapters.lacks(adapter)

    def longest_s(self, instance: Instance, turn: Turn) -> float:
        """The whole context from the slowest tier, without a queue."""
        blocks = self.blocks_of(turn)
        return max((link.seconds(blocks) for _, link in self.world.topology.ways_up(instance.number)), default=0.0)

    # Gaps begin and end.

    def turn_ended(self, turn: Turn) -> None:
        if not self.asks:
            return
        program = self.world.orchestrator.program(turn)
        if program.state != "active":
            self.waste(program.id)
        elif not program.live:
            self.acting[program.id] = (program.home, turn)
        self.arm_tick()

    def turn_ready(self, turn: Turn) -> None:
        self.acting.pop(turn.program, None)
        if self.world.orchestrator.program(turn).state != "active":
            self.waste(turn.program)

    # What becomes of what has been brought up.

    def sets_out(self, load: Load) -> None:
        assert load.program is not None
        self.world.instances[load.instance].prefetches += 1
        self.on_way[load.program] = load

    def arrived(self, load: Load) -> None:
        program = load.program
        assert program is not None
        self.waste(program)
        del self.on_way[program]
        moved = sum(piece.size for piece in load.pieces)
        self.there[program] = Ahead(load.instance, load.match, moved, load.adapter is not None)
        if self.world.orchestrator.programs[program].state != "active":
            self.waste(program)

    def withdrawn(self, load: Load) -> None:
        assert load.program is not None
        del self.on_way[load.program]

    def lost(self, load: Load) -> None:
        assert load.program is not None
        del self.on_way[load.program]
        self.world.instances[load.instance].prefetches_wasted += 1

    def admitted(self, number: int, turn: Turn, match: int) -> None:
        """A turn joins the batch of an instance and finds so many blocks."""
        ahead = self.there.get(turn.program)
        if ahead is not None and ahead.is_found(number, match, turn.lacked_adapter):
            del self.there[turn.program]
            self.world.instances[number].prefetches_used += 1
        self.waste(turn.program)

    def missed(self, number: int, turn: Turn, match: int, lacks_adapter: bool) -> None:
        """A turn has to load something, although it has been brought up: it has been evicted."""
        ahead = self.there.get(turn.program)
        if ahead is not None and ahead.instance == number and not ahead.is_found(number, match, lacks_adapter):
            self.waste(turn.program)

    def waste(self, program: int) -> None:
        ahead = self.there.pop(program, None)
        if ahead is not None:
            instance = self.world.instances[ahead.instance]
            instance.prefetches_wasted += 1
            instance.wasted_blocks += ahead.blocks
