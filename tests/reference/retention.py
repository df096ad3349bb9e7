"""What becomes of the KV that turns leave (semantics, "Pins"); the rules are in `retain_rules`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from tests.reference.batching import Instance
from tests.reference.events import Events, Kind
from tests.reference.history import History
from tests.reference.orchestrator import Orchestrator
from tests.reference.pins import Pin
from tests.reference.retain_rules import RETENTIONS, Drop, First, Keep, Look, Move
from tests.reference.tiers import Tiers
from tests.reference.turn import Turn


class Retention:
    """Decides about what turns leave, and ends the pins that nobody uses."""

    def __init__(
        self,
        orchestrator: Orchestrator,
        instances: Sequence[Instance],
        events: Events,
        history: History,
        frontend_s: float,
        rule: str,
        parameters: Mapping[str, float],
    ) -> None:
        self.orchestrator = orchestrator
        self.instances = instances
        self.events = events
        self.history = history
        self.frontend_s = frontend_s
        self.rule = rule
        self.parameters = parameters
        self.made = 0
        self.tiers: Tiers | None = None

    def ended(self, number: int, turn: Turn, now: float) -> None:
        """A turn has ended on instance `number`."""
        program = self.orchestrator.programs[turn.program]
        instance = self.instances[number]
        kept = instance.pool.held_of(turn.path, (turn.prompt + turn.output - 1) // instance.block_size)
        if program.state != "active" or not self.orchestrator.edges(turn) or not kept:
            return
        kinds = tuple(kind for kind in ("dram", "cxl") if self.tiers and self.tiers.way(("hbm", number), kind))
        look = Look(turn, number, instance, self.orchestrator, self.history, self.frontend_s, self.parameters)
        if kinds and self.tiers is not None:
            look.kind, look.way = kinds[0], self.tiers.way(("hbm", number), kinds[0])
        answer = RETENTIONS[self.rule](look)
        if isinstance(answer, Drop):
            instance.pool.drop(kept)
        elif isinstance(answer, Move) and self.tiers is not None:
            whole = (turn.prompt + turn.output - 1) // instance.block_size
            self.tiers.demote(number, turn.path, whole, answer.kind, now)
        elif isinstance(answer, First):
            instance.pool.put_first(self.pin_of(turn, kept, now))
        elif isinstance(answer, Keep) and answer.seconds > 0:
            self.pin(instance, turn, kept, now + answer.seconds)

    def pin_of(self, turn: Turn, kept: tuple[int, ...], expiry_s: float) -> Pin:
        targets = self.orchestrator.workload.edge["target"]
        followers = tuple(int(targets[edge]) for edge in self.orchestrator.edges(turn))
        return Pin(turn.id, turn.program, turn.path[-1].id, followers, kept, expiry_s, self.made)

    def pin(self, instance: Instance, turn: Turn, kept: tuple[int, ...], expiry_s: float) -> None:
        instance.pool.pin(self.pin_of(turn, kept, expiry_s))
        self.made += 1
        if not math.isinf(expiry_s):
            self.events.push(expiry_s, Kind.PIN_EXPIRY, turn.id)

    def expire(self, turn: Turn) -> int | None:
        """The deadline of a turn's pin; the instance where it ends, if any: one that a turn waits for stays."""
        pool = self.instances[turn.instance].pool
        if turn.id not in pool.pins:
            return None
        followers = [self.orchestrator.turns[follower] for follower in pool.pins[turn.id].followers]
        if any(t.instance == turn.instance and math.isnan(t.scheduled_s) for t in followers):
            return None
        pool.pins_expired += 1
        pool.unpin(turn.id, expired=True)
        return turn.instance

    def moved(self, turn: Turn) -> list[int]:
        """The turn has been sent to its instance, or has ended: instances that have lost a pin of no use now."""

        def is_void(number: int, pin: Pin) -> bool:
            followers = [self.orchestrator.turns[follower] for follower in pin.followers]
            return turn.id in pin.followers and not any(self.may_come(follower, number) for follower in followers)

        return self.release(is_void)

    def may_come(self, turn: Turn, number: int) -> bool:
        """Whether a turn can still join a batch of an instance; one that is prefilled elsewhere may come to decode."""
        if not math.isnan(turn.end_s):
            return False
        if turn.instance in (-1, number):
            return True
        modes = self.instances[turn.instance].spec.mode, self.instances[number].spec.mode
        return modes == ("prefill", "decode")

    def failed(self, program: int) -> list[int]:
        """A program has failed: instances that have lost a pin of it."""
        return self.release(lambda _, pin: pin.program == program)

    def release(self, is_void: Callable[[int, Pin], bool]) -> list[int]:
        """End pins, those made last first; the instances where they were."""
        pins = [(pin.made, number, pin) for number, i in enumerate(self.instances) for pin in i.pool.pins.values()]
        void = [(number, pin) for _, number, pin in sorted(pins, key=lambda row: -row[0]) if is_void(number, pin)]
        for number, pin in void:
            self.instances[number].pool.unpin(pin.turn)
        return [number for number, _ in void]
