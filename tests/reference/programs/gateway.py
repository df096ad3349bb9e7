"""Turns become ready and pass the gateway, and programs end (semantics, "Programs, turns, gaps" and "Pauses")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reference.events import Kind
from tests.reference.programs.orchestrator import Program
from tests.reference.programs.turn import Turn

if TYPE_CHECKING:
    from tests.reference.world import World

KEPT_OF_THE_PAST = 0.8
"""How much the time before the last turn counts in what a program's service and its time without a turn are."""


class Gateway:
    """Between the programs and the router.

    Attributes:
        paused: Turns of paused programs, which are not routed yet.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.paused: list[Turn] = []

    # Turns.

    def admit(self, program: Program) -> None:
        """A program comes in: its roots are ready, unless they stand in a step to come."""
        program.admitted_s = program.acting_since_s = self.world.now
        self.world.societies.admitted(program)
        for turn in self.world.orchestrator.admit(program):
            if self.world.societies.has_begun(turn):
                self.get_ready(turn)

    def edge_done(self, edge: int) -> None:
        """A tool's result is here."""
        gap_s = self.world.now - self.world.orchestrator.source(edge).end_s
        self.world.history.note(int(self.world.workload.edge["tool"][edge]), gap_s)
        turn = self.world.orchestrator.join(edge)
        if turn is None or self.world.orchestrator.program(turn).state == "failed":
            return
        if self.world.societies.has_begun(turn):
            self.get_ready(turn)

    def get_ready(self, turn: Turn) -> None:
        """All that the turn has waited for is there: it enters the gateway."""
        turn.ready_s = self.world.now
        turn.arriving = True
        self.world.events.push(self.world.now + self.world.frontend_s, Kind.TURN_READY, turn.id)

    def turn_ready(self, turn: Turn) -> None:
        """The turn has passed the gateway."""
        program = self.world.orchestrator.program(turn)
        if program.state == "failed":
            return
        was_live = bool(program.live)
        turn.arriving = False
        if not was_live:
            half_life_s = self.world.rules.half_life_s
            program.served_tokens *= 0.5 ** ((self.world.now - program.acting_since_s) / half_life_s)
        if not was_live and any(other.has_ended for other in program.turns.values()):
            program.acting_s = KEPT_OF_THE_PAST * program.acting_s + turn.ready_s - program.acting_since_s
        if any(self.world.router.possible(turn)):
            self.world.societies.announced.pop(program.id, None)
        alone = self.world.societies.of(program.id) is None
        if program.paused and alone and any(self.world.router.possible(turn)):
            self.paused.append(turn)
        else:
            self.world.router.place(turn)

    def turn_ended(self, turn: Turn) -> None:
        """Its tools start, or its program is done."""
        world, program = self.world, self.world.orchestrator.program(turn)
        turn.end_s = world.now
        program.service_s += turn.service_s
        program.reasoning_s = KEPT_OF_THE_PAST * program.reasoning_s + turn.service_s
        if not program.live:
            program.acting_since_s = world.now
        program.served_tokens += turn.prompt + 2.0 * turn.output
        program.wait_s += turn.scheduled_s - turn.ready_s
        world.history.turns.append(turn)
        if program.state == "failed":
            return
        for edge in world.orchestrator.edges(turn):
            world.tools.start(edge, world.now)
        world.societies.turn_ended(turn)
        if world.orchestrator.finished(program):
            self.end(program, "done")

    # Programs.

    def end(self, program: Program, state: str) -> None:
        world = self.world
        were_waited_for = world.societies.are_waited_for(program)
        world.admission.has_ended |= program.state == "active"
        if state == "done":
            world.history.lengths.append(len(program.turns))
            world.history.services_s.append(program.service_s)
        program.state = state
        program.end_s = world.now
        program.paused = False
        if state == "failed":
            world.societies.failed(program, were_waited_for)
            world.iterations.look_again_at(world.retention.failed(program.id))
        self.release(program)
        for number, delay_s in world.orchestrator.followers(program):
            world.events.push(world.now + delay_s, Kind.PROGRAM_ARRIVAL, number)

    def release(self, program: Program) -> None:
        """A program is paused no longer: its turns that are held at the gateway are routed."""
        released = [turn for turn in self.paused if turn.program == program.id]
        self.paused = [turn for turn in self.paused if turn.program != program.id]
        for turn in released:
            self.world.router.place(turn)
