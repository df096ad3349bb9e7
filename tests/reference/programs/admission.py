"""Programs that ask to come in, and those that are held (semantics, "Admission")."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tests.reference.batch.instance import Instance
from tests.reference.events import ADMISSION_TICK, Kind
from tests.reference.programs.orchestrator import Program

if TYPE_CHECKING:
    from tests.reference.world import World


class Admission:
    """Asks the rule, and carries out what it says.

    Attributes:
        held: Programs that are held, the first to be asked about first.
        has_ended: A program that was inside has ended, or it is time: those held are asked about again.
        tick_armed: A tick is to come.
        window: Programs that `concur` lets in.
        seen_tokens: Hit tokens and tokens asked for at its last tick.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.rule = world.rules.admit_program
        self.held: list[Program] = []
        self.has_ended = False
        self.tick_armed = False
        self.window = self.rule.parameters.get("first_window", 0.0)
        self.seen_tokens: tuple[int, int] = (0, 0)

    # What rules look at.

    @property
    def inside(self) -> int:
        """Programs that have been admitted and have not ended."""
        return sum(program.state == "active" for program in self.world.orchestrator.programs)

    @property
    def up(self) -> list[Instance]:
        return [instance for instance in self.world.instances if instance.up]

    def overtakes(self, program: Program) -> bool:
        return bool(self.held) and self.held[0] is not program

    def utilisation(self) -> float:
        """Share of the blocks of the instances that are up which running turns hold."""
        capacity = sum(instance.pool.capacity for instance in self.up)
        used = sum(instance.pool.used for instance in self.up)
        return used / capacity if capacity else 1.0

    # What happens.

    def arrive(self, program: Program) -> None:
        program.arrival_s = self.world.now
        program.state = "held"
        answer = self.ask(program)
        if answer == "hold":
            program.held_s = (self.world.now, math.nan)
            self.held.append(program)
            self.arm_tick()
        else:
            self.carry_out(program, answer)

    def ask(self, program: Program) -> str:
        """ "admit", "hold" or "reject"; nobody is held while nobody is inside."""
        answer = self.rule.answer(self, program)
        return "admit" if answer == "hold" and self.inside == 0 else answer

    def carry_out(self, program: Program, answer: str) -> None:
        """Let a program in, or turn it away."""
        if program.held_s is not None:
            program.held_s = (program.held_s[0], self.world.now)
        if answer == "reject":
            self.world.gateway.end(program, "rejected")
        else:
            self.world.gateway.admit(program)
            self.arm_tick()

    def ask_again(self) -> None:
        """If something has changed: ask about those held, in order, until one is held again."""
        while self.has_ended and self.held:
            answer = self.ask(self.held[0])
            if answer == "hold":
                break
            self.carry_out(self.held.pop(0), answer)
        self.has_ended = False

    def tick(self) -> None:
        self.tick_armed = False
        for program in self.rule.tick(self):
            self.world.gateway.release(program)
        self.has_ended = True
        if self.world.events.more_to_come():
            self.arm_tick()

    def arm_tick(self) -> None:
        wanted = self.held or (self.rule.ticks and self.inside)
        if wanted and not self.tick_armed:
            self.tick_armed = True
            period_s = self.rule.parameters.get("period_s", 1.0)
            self.world.events.push(self.world.now + period_s, Kind.CONTROL_TICK, ADMISSION_TICK)
