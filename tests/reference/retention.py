"""Rules of `retain_kv` in plain Python, and what is done about their answers (semantics, "Pins")."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.reference.batching import Instance
from tests.reference.events import Events, Kind
from tests.reference.orchestrator import Orchestrator
from tests.reference.pins import Pin
from tests.reference.tiers import Tiers
from tests.reference.turn import Turn


@dataclass(frozen=True)
class Leave:
    """Nothing is done."""


@dataclass(frozen=True)
class Drop:
    """It is given up."""


@dataclass(frozen=True)
class Keep:
    """It is pinned."""

    seconds: float


@dataclass(frozen=True)
class Move:
    """It is moved to a tier below, "dram" or "cxl"."""

    kind: str


Answer = Leave | Drop | Keep | Move


@dataclass
class Look:
    """What a rule sees: the turn that has ended, where, all programs, the time, and the rule's parameters."""

    turn: Turn
    instance: Instance
    orchestrator: Orchestrator
    now: float
    parameters: Mapping[str, float]
    tiers: tuple[str, ...] = ()


def ttl(look: Look) -> Answer:
    return Keep(look.parameters["tau_s"])


RETENTIONS: dict[str, Callable[[Look], Answer]] = {
    "leave": lambda look: Leave(),
    "evict_always": lambda look: Drop(),
    "ttl": ttl,
    "swap": lambda look: Move(look.tiers[0]) if look.tiers else Leave(),
}


class Retention:
    """Decides about what turns leave, and ends the pins that nobody uses."""

    def __init__(
        self,
        orchestrator: Orchestrator,
        instances: Sequence[Instance],
        events: Events,
        rule: str,
        parameters: Mapping[str, float],
    ) -> None:
        self.orchestrator = orchestrator
        self.instances = instances
        self.events = events
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
        tiers = tuple(kind for kind in ("dram", "cxl") if self.tiers and self.tiers.way(("hbm", number), kind))
        answer = RETENTIONS[self.rule](Look(turn, instance, self.orchestrator, now, self.parameters, tiers))
        if isinstance(answer, Drop):
            instance.pool.drop(kept)
        elif isinstance(answer, Move) and self.tiers is not None:
            whole = (turn.prompt + turn.output - 1) // instance.block_size
            self.tiers.demote(number, turn.path, whole, answer.kind, now)
        elif isinstance(answer, Keep) and answer.seconds > 0:
            self.pin(instance, turn, kept, now + answer.seconds)

    def pin(self, instance: Instance, turn: Turn, kept: tuple[int, ...], expiry_s: float) -> None:
        targets = self.orchestrator.workload.edge["target"]
        followers = tuple(int(targets[edge]) for edge in self.orchestrator.edges(turn))
        instance.pool.pin(Pin(turn.id, turn.program, turn.path[-1].id, followers, kept, expiry_s, self.made))
        self.made += 1
        if not math.isinf(expiry_s):
            self.events.push(expiry_s, Kind.PIN_EXPIRY, turn.id)

    def expire(self, turn: Turn) -> int | None:
        """The deadline of a turn's pin; the instance where it still was, if any."""
        pool = self.instances[turn.instance].pool
        if turn.id not in pool.pins:
            return None
        pool.pins_expired += 1
        pool.unpin(turn.id, expired=True)
        return turn.instance

    def moved(self, turn: Turn) -> list[int]:
        """The turn has been sent to its instance: instances that have lost a pin for which nobody can come any more."""

        def is_void(number: int, pin: Pin) -> bool:
            places = [self.orchestrator.turns[follower].instance for follower in pin.followers]
            return turn.id in pin.followers and not any(place in (-1, number) for place in places)

        return self.release(is_void)

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
