"""What is brought up ahead of its use (semantics, "Prefetch"), and the rules that say what."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.reference.batching import Instance
from tests.reference.history import Gaps, History
from tests.reference.orchestrator import Orchestrator, Program
from tests.reference.tiers import EVERYTHING, Load, Tiers
from tests.reference.turn import Turn


@dataclass
class Ahead:
    """What has been brought up for a program and has not been used yet: where, and what was there before."""

    instance: int
    match: int


@dataclass
class Prefetcher:
    """Asks a rule whose context an instance is to bring up.

    Attributes:
        acting: Programs none of whose turns is in the cluster, in the order in which their gaps began, and their home.
        to_ask: Instances for which the rule is to be asked.
        on_way: Loads that have set out ahead, by program.
        there: What they have left, likewise.
    """

    orchestrator: Orchestrator
    instances: list[Instance]
    tiers: Tiers
    history: History
    rule: str
    parameters: Mapping[str, float]
    frontend_s: float
    acting: dict[int, tuple[int, Turn]] = field(default_factory=dict)
    to_ask: list[int] = field(default_factory=list)
    on_way: dict[int, Load] = field(default_factory=dict)
    there: dict[int, Ahead] = field(default_factory=dict)

    def ask(self, number: int) -> None:
        if number not in self.to_ask:
            self.to_ask.append(number)

    def ask_for_acting(self) -> None:
        """At a control tick."""
        for number in range(len(self.instances)):
            if any(home == number for home, _ in self.acting.values()):
                self.ask(number)

    # Programs.

    def turn_ended(self, turn: Turn) -> None:
        program = self.orchestrator.programs[turn.program]
        if program.state != "active":
            self.waste(program.id)
        elif not program.live:
            self.acting[program.id] = (program.home, turn)

    def turn_ready(self, turn: Turn) -> None:
        self.acting.pop(turn.program, None)
        if self.orchestrator.programs[turn.program].state != "active":
            self.waste(turn.program)

    def waste(self, program: int) -> None:
        ahead = self.there.pop(program, None)
        if ahead is not None:
            self.instances[ahead.instance].prefetches_wasted += 1

    def admitted(self, number: int, turn: Turn, match: int) -> None:
        """A turn joins the batch of an instance and finds so many blocks."""
        ahead = self.there.get(turn.program)
        if ahead is not None and ahead.instance == number and match > ahead.match:
            del self.there[turn.program]
            self.instances[number].prefetches_used += 1
        self.waste(turn.program)

    def missed(self, number: int, turn: Turn, match: int) -> None:
        """A turn has to load its context, although it has been brought up: it has been evicted."""
        ahead = self.there.get(turn.program)
        if ahead is not None and ahead.instance == number and match <= ahead.match:
            self.waste(turn.program)

    def arrived(self, load: Load) -> None:
        program = load.program
        assert program is not None
        self.waste(program)
        del self.on_way[program]
        self.there[program] = Ahead(load.instance, load.match)
        if self.orchestrator.programs[program].state != "active":
            self.waste(program)

    def lost(self, load: Load) -> None:
        assert load.program is not None
        del self.on_way[load.program]
        self.instances[load.instance].prefetches_wasted += 1

    # What can be brought up.

    def blocks_of(self, turn: Turn, instance: Instance) -> int:
        """Blocks of its context that are worth it; of its output, too, if it has ended."""
        return (turn.prompt + (turn.output if turn.end_s == turn.end_s else 0) - 1) // instance.block_size

    def plan(self, number: int, turn: Turn) -> tuple[int, int]:
        """(blocks in HBM, blocks when the tiers have added theirs) of a context; equal if nothing can be brought up."""
        instance = self.instances[number]
        most = self.blocks_of(turn, instance)
        match = instance.pool.match(turn.path, most)
        end = match
        for kind in ("dram", "cxl"):
            way = self.tiers.ways.get(("hbm", number, kind))
            if way is not None and way.up is not None and way.up.bytes_per_s > 0 and end < most:
                end = min(way.shelf.reach(turn.path, end), most)
        room = instance.pool.available - instance.pool.idle_on(turn.path, match)
        known = turn.program in self.on_way or turn.program in self.there
        known = known or self.tiers.load_that_brings(number, turn.path, match, most) is not None
        return (match, end) if end - match <= room and not known else (match, match)

    def can(self, number: int, turn: Turn) -> bool:
        match, end = self.plan(number, turn)
        return end > match

    def longest_s(self, number: int, turn: Turn) -> float:
        """The whole context from the slowest tier, without a queue."""
        ways = [self.tiers.ways.get(("hbm", number, kind)) for kind in ("dram", "cxl")]
        links = [way.up for way in ways if way is not None and way.up is not None and way.up.bytes_per_s > 0]
        blocks = self.blocks_of(turn, self.instances[number])
        return max((link.tier.latency_s + blocks * link.block_bytes / link.bytes_per_s for link in links), default=0.0)

    def program_of(self, turn: Turn) -> Program:
        return self.orchestrator.programs[turn.program]

    def choose(self, number: int, now: float) -> Turn | None:
        """The rule's answer for an instance."""
        return RULES[self.rule](self, number, now)

    # Rules.

    def first_waiting(self, number: int, window: int) -> Turn | None:
        ready = self.instances[number].ready[:window]
        return next((turn for turn in ready if not turn.handed and self.can(number, turn)), None)

    def on_return(self, number: int, now: float) -> Turn | None:
        return self.first_waiting(number, EVERYTHING)

    def look_ahead(self, number: int, now: float) -> Turn | None:
        """As many of the queue as have room in HBM, by their mean context."""
        instance = self.instances[number]
        tokens = sum(turn.target for turn in instance.waiting)
        if not tokens:
            return None
        share = self.parameters["share"] * instance.pool.capacity * instance.block_size
        return self.first_waiting(number, int(share * len(instance.waiting) / tokens))

    def timed(self, number: int, now: float, gap_s: Callable[[Turn], float | None]) -> Turn | None:
        """Who waits, then who is predicted to return when the context could just be there."""
        waiting = self.on_return(number, now)
        if waiting is not None:
            return waiting
        for home, turn in self.acting.values():
            gap = gap_s(turn) if home == number else None
            if gap is None:
                continue
            start_s = turn.end_s + gap - self.longest_s(number, turn) - self.parameters["margin_s"]
            if now >= start_s and self.can(number, turn):
                return turn
        return None

    def gaps_of(self, turn: Turn) -> Gaps | None:
        """Gaps of the tool that is to be expected first, of all tools if it is new."""
        tools = [int(self.orchestrator.workload.edge["tool"][edge]) for edge in self.orchestrator.edges(turn)]
        if not tools or not self.history.everything.seconds:
            return None
        first = self.history.of(min(tools, key=lambda tool: self.history.mean_gap_s(tool) or 0.0))
        return first if first.seconds else self.history.everything

    def predicted_return(self, number: int, now: float) -> Turn | None:
        def gap_s(turn: Turn) -> float | None:
            gaps = self.gaps_of(turn)
            if gaps is None:
                return None
            return gaps.average(0.2) if self.parameters["ema"] > 0 else gaps.mean_s

        return self.timed(number, now, gap_s)

    def saga_margin(self, number: int, now: float) -> Turn | None:
        def gap_s(turn: Turn) -> float | None:
            gaps = self.gaps_of(turn)
            if gaps is None:
                return None
            mean, variance = gaps.log_normal()
            return math.exp(mean + self.parameters["deviations"] * math.sqrt(variance))

        return self.timed(number, now, gap_s)

    def oracle_return(self, number: int, now: float) -> Turn | None:
        def gap_s(turn: Turn) -> float | None:
            calls = [self.true_gap_s(edge) for edge in self.orchestrator.edges(turn)]
            return min(calls) + self.frontend_s if calls else None

        return self.timed(number, now, gap_s)

    def true_gap_s(self, edge: int) -> float:
        row = self.orchestrator.workload.edge[edge]
        failures = int(row["failures"])
        backoff_s = self.orchestrator.workload.tools[int(row["tool"])].backoff_s
        return float(row["gap_s"]) * (failures + 1) + backoff_s * (2.0**failures - 1.0)


Rule = Callable[[Prefetcher, int, float], Turn | None]

RULES: dict[str, Rule] = {
    "on_return": Prefetcher.on_return,
    "look_ahead": Prefetcher.look_ahead,
    "predicted_return": Prefetcher.predicted_return,
    "saga_margin": Prefetcher.saga_margin,
    "oracle_return": Prefetcher.oracle_return,
}
PREFETCHES = ("none", *RULES)
