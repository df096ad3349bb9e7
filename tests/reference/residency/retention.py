"""What becomes of the KV that turns leave (semantics, "Pins")."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.reference.events import RETAIN_TICK, Kind
from tests.reference.programs.turn import Turn
from tests.reference.residency.pins import Pin
from tests.reference.rules.retention import ASKED_AGAIN, Answer, Drop, First, Keep, Look, Move

if TYPE_CHECKING:
    from tests.reference.world import World


class Retention:
    """Decides about what turns leave, and ends the pins that nobody uses.

    Attributes:
        made: Pins that have ever been made.
        asks_again: The rule is asked again about what it keeps pinned, at ticks.
        firm_pins: Waiting turns do not break pins while something runs.
        expired_first: What a pin has kept is the first to go when it expires.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.rule = world.rules.retain_kv
        self.asks_again = self.rule.answer in ASKED_AGAIN
        self.firm_pins = self.rule.parameters.get("firm", 0.0) != 0.0
        self.expired_first = self.rule.parameters.get("expired_first", 1.0) != 0.0
        self.made = 0
        self.tick_armed = False

    # A turn ends.

    def ended(self, number: int, turn: Turn) -> None:
        """A turn has ended on instance `number`."""
        instance, orchestrator = self.world.instances[number], self.world.orchestrator
        kept = instance.pool.held_of(turn.path, (turn.prompt + turn.output - 1) // instance.block_size)
        if orchestrator.program(turn).state != "active" or not orchestrator.edges(turn) or not kept:
            return
        answer = self.ask(number, turn)
        if isinstance(answer, Drop):
            instance.pool.drop(kept)
        elif isinstance(answer, Move):
            self.move(number, turn, answer.kind)
        elif isinstance(answer, First):
            instance.pool.put_first(self.pin_of(turn, kept, self.world.now))
        elif isinstance(answer, Keep) and answer.seconds > 0:
            self.pin(number, turn, kept, self.world.now + answer.seconds)

    def ask(self, number: int, turn: Turn) -> Answer:
        """What the rule says about what a turn has left on instance `number`."""
        look = Look(self.world, turn, self.world.instances[number], self.rule.parameters)
        return self.rule.answer(look)

    def move(self, number: int, turn: Turn, kind: str) -> None:
        whole = (turn.prompt + turn.output - 1) // self.world.instances[number].block_size
        self.world.copies.demote(number, turn.path, whole, kind)

    def pin_of(self, turn: Turn, kept: tuple[int, ...], expiry_s: float) -> Pin:
        orchestrator = self.world.orchestrator
        followers = tuple(orchestrator.target(edge).id for edge in orchestrator.edges(turn))
        return Pin(turn.id, turn.program, turn.path[-1].id, followers, kept, expiry_s, self.made, self.asks_again)

    def pin(self, number: int, turn: Turn, kept: tuple[int, ...], expiry_s: float) -> None:
        self.world.instances[number].pool.pin(self.pin_of(turn, kept, expiry_s))
        self.made += 1
        if self.asks_again:
            self.arm_tick()
        elif not math.isinf(expiry_s):
            self.world.events.push(expiry_s, Kind.PIN_EXPIRY, turn.id)

    # The rule is asked again.

    def arm_tick(self) -> None:
        if not self.tick_armed:
            self.tick_armed = True
            period_s = self.rule.parameters["period_s"]
            self.world.events.push(self.world.now + period_s, Kind.CONTROL_TICK, RETAIN_TICK)

    def tick(self) -> None:
        """The rule is asked about all that is pinned and that nobody waits for."""
        self.tick_armed = False
        lost: list[int] = []
        moved: list[int] = []
        for number, instance in enumerate(self.world.instances):
            for pin in sorted(instance.pool.pins.values(), key=lambda pin: pin.made):
                answer = self.answer_again(pin)
                if answer is None:
                    continue
                lost.append(number)
                if isinstance(answer, Move):
                    moved.append(number)
        pins = [pin for instance in self.world.instances for pin in instance.pool.pins.values()]
        if any(pin.again for pin in pins) and self.world.events.more_to_come():
            self.arm_tick()
        for number in moved:
            self.world.iterations.end_run(number)
        self.world.iterations.look_again_at(lost)

    def answer_again(self, pin: Pin) -> Answer | None:
        """Ask about a pin; the answer if it has ended the pin, None if the pin stays."""
        turn = self.world.orchestrator.turns[pin.turn]
        if not pin.again or self.is_awaited(pin, turn.instance):
            return None
        pool, answer = self.world.instances[turn.instance].pool, self.ask(turn.instance, turn)
        if isinstance(answer, Keep) and answer.seconds > 0:
            pool.pins[pin.turn] = replace(pin, expiry_s=self.world.now + answer.seconds)
            return None
        pool.pins_expired += 1
        pool.unpin(pin.turn, goes_first=self.expired_first and not isinstance(answer, Move))
        if isinstance(answer, Move):
            self.move(turn.instance, turn, answer.kind)
        return answer

    # Pins end; each returns the instances that have lost one.

    def expire(self, turn: Turn) -> list[int]:
        """The deadline of a turn's pin, if it is still there: one that a turn waits for stays."""
        pool = self.world.instances[turn.instance].pool
        if turn.id not in pool.pins or self.is_awaited(pool.pins[turn.id], turn.instance):
            return []
        pool.pins_expired += 1
        pool.unpin(turn.id, goes_first=self.expired_first)
        return [turn.instance]

    def moved(self, turn: Turn) -> list[int]:
        """The turn has been sent to its instance, or has ended: pins that are of no use now end."""

        def is_void(number: int, pin: Pin) -> bool:
            followers = [self.world.orchestrator.turns[follower] for follower in pin.followers]
            return turn.id in pin.followers and not any(self.may_come(follower, number) for follower in followers)

        return self.release(is_void)

    def failed(self, program: int) -> list[int]:
        """A program has failed: its pins end."""
        return self.release(lambda _, pin: pin.program == program)

    def release(self, is_void: Callable[[int, Pin], bool]) -> list[int]:
        """End pins, those made last first."""
        pins = [(pin, instance.number) for instance in self.world.instances for pin in instance.pool.pins.values()]
        void = [(pin, number) for pin, number in pins if is_void(number, pin)]
        void.sort(key=lambda row: -row[0].made)
        for pin, number in void:
            self.world.instances[number].pool.unpin(pin.turn)
        return [number for _, number in void]

    def may_come(self, turn: Turn, number: int) -> bool:
        """Whether a turn can still join a batch of an instance; one that is prefilled elsewhere may come to decode."""
        if turn.has_ended:
            return False
        if turn.instance in (-1, number):
            return True
        modes = [self.world.instances[i].spec.mode for i in (turn.instance, number)]
        return modes == ["prefill", "decode"]

    def is_awaited(self, pin: Pin, number: int) -> bool:
        """Whether a turn that the pin was made for waits in the queue of its instance."""
        followers = [self.world.orchestrator.turns[follower] for follower in pin.followers]
        return any(turn.instance == number and math.isnan(turn.scheduled_s) for turn in followers)
