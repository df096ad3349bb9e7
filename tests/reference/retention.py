"""What becomes of the KV that turns leave (semantics, "Pins"); the rules are in `retain_rules`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tests.reference.batching import Instance
from tests.reference.events import RETAIN_TICK, Events, Kind
from tests.reference.history import History
from tests.reference.orchestrator import Orchestrator
from tests.reference.pins import Pin
from tests.reference.retain_rules import ASKED_AGAIN, RETENTIONS, Answer, Drop, First, Keep, Look, Move
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
        self.tick_armed = False
        self.tiers: Tiers | None = None

    def ended(self, number: int, turn: Turn, now: float) -> None:
        """A turn has ended on instance `number`."""
        program = self.orchestrator.programs[turn.program]
        instance = self.instances[number]
        kept = instance.pool.held_of(turn.path, (turn.prompt + turn.output - 1) // instance.block_size)
        if program.state != "active" or not self.orchestrator.edges(turn) or not kept:
            return
        answer = self.ask(number, turn, now)
        if isinstance(answer, Drop):
            instance.pool.drop(kept)
        elif isinstance(answer, Move):
            self.move(number, turn, answer.kind, now)
        elif isinstance(answer, First):
            instance.pool.put_first(self.pin_of(turn, kept, now))
        elif isinstance(answer, Keep) and answer.seconds > 0:
            self.pin(instance, turn, kept, now + answer.seconds, now)

    def ask(self, number: int, turn: Turn, now: float) -> Answer:
        """What the rule says about what a turn has left on instance `number`."""
        instance = self.instances[number]
        look = Look(turn, number, instance, self.orchestrator, self.history, self.frontend_s, self.parameters, now)
        kinds = tuple(kind for kind in ("dram", "cxl") if self.tiers and self.tiers.way(("hbm", number), kind))
        if kinds and self.tiers is not None:
            look.kind, look.way = kinds[0], self.tiers.way(("hbm", number), kinds[0])
        return RETENTIONS[self.rule](look)

    def move(self, number: int, turn: Turn, kind: str, now: float) -> None:
        assert self.tiers is not None
        whole = (turn.prompt + turn.output - 1) // self.instances[number].block_size
        self.tiers.demote(number, turn.path, whole, kind, now)

    def pin_of(self, turn: Turn, kept: tuple[int, ...], expiry_s: float) -> Pin:
        targets = self.orchestrator.workload.edge["target"]
        followers = tuple(int(targets[edge]) for edge in self.orchestrator.edges(turn))
        again = self.rule in ASKED_AGAIN
        return Pin(turn.id, turn.program, turn.path[-1].id, followers, kept, expiry_s, self.made, again)

    def pin(self, instance: Instance, turn: Turn, kept: tuple[int, ...], expiry_s: float, now: float) -> None:
        instance.pool.pin(self.pin_of(turn, kept, expiry_s))
        self.made += 1
        if self.rule in ASKED_AGAIN:
            self.arm_tick(now)
        elif not math.isinf(expiry_s):
            self.events.push(expiry_s, Kind.PIN_EXPIRY, turn.id)

    def arm_tick(self, now: float) -> None:
        if not self.tick_armed:
            self.tick_armed = True
            self.events.push(now + self.parameters["period_s"], Kind.CONTROL_TICK, RETAIN_TICK)

    def ask_again(self, now: float) -> tuple[list[int], list[int]]:
        """The rule is asked about all that is pinned and that nobody waits for.

        Returns the instances where pins end, and those where what they have kept moves down.
        """
        self.tick_armed = False
        lost: list[int] = []
        moved: list[int] = []
        for number, instance in enumerate(self.instances):
            for pin in sorted(instance.pool.pins.values(), key=lambda pin: pin.made):
                turn = self.orchestrator.turns[pin.turn]
                if pin.again and not self.is_awaited(pin, turn.instance):
                    answer = self.ask(number, turn, now)
                    if isinstance(answer, Keep) and answer.seconds > 0:
                        instance.pool.pins[pin.turn] = replace(pin, expiry_s=now + answer.seconds)
                        continue
                    instance.pool.pins_expired += 1
                    instance.pool.unpin(pin.turn, goes_first=self.expired_first and not isinstance(answer, Move))
                    if isinstance(answer, Move):
                        self.move(number, turn, answer.kind, now)
                        moved.append(number)
                    lost.append(number)
        if any(pin.again for instance in self.instances for pin in instance.pool.pins.values()) and self.events.any():
            self.arm_tick(now)
        return lost, moved

    @property
    def expired_first(self) -> bool:
        """Whether what a pin has kept is the first to go when it expires."""
        return self.parameters.get("expired_first", 1.0) != 0.0

    def is_awaited(self, pin: Pin, number: int) -> bool:
        """Whether a turn that the pin was made for waits in the queue of its instance."""
        followers = [self.orchestrator.turns[follower] for follower in pin.followers]
        return any(turn.instance == number and math.isnan(turn.scheduled_s) for turn in followers)

    def expire(self, turn: Turn) -> int | None:
        """The deadline of a turn's pin; the instance where it ends, if any: one that a turn waits for stays."""
        pool = self.instances[turn.instance].pool
        if turn.id not in pool.pins:
            return None
        if self.is_awaited(pool.pins[turn.id], turn.instance):
            return None
        pool.pins_expired += 1
        pool.unpin(turn.id, goes_first=self.expired_first)
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
