"""Programs that take steps together, and what they say of their next calls (semantics, "Societies and steps")."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.reference.events import Kind
from tests.reference.programs.orchestrator import Program
from tests.reference.programs.turn import Turn

if TYPE_CHECKING:
    from tests.reference.world import World


@dataclass
class Society:
    """One society.

    Attributes:
        step: The step that it is in, -1 before the first.
        is_due: The begin of the next step is among the events.
        begun_s, ended_s: When each step has begun and ended.
    """

    id: int
    step_s: float
    n_steps: int
    step: int = -1
    is_due: bool = False
    begun_s: dict[int, float] = field(default_factory=dict)
    ended_s: dict[int, float] = field(default_factory=dict)


class Societies:
    """All societies, and all reports.

    Attributes:
        announced: Step of the next call of a program, or its time; none if nothing is said of it.
        places: Order of those who have announced a step: by the step, as long as that was not over, then by the report.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.announced: dict[int, float] = {}
        self.places: dict[int, tuple[int, int]] = {}
        self.reports = 0
        workload = world.workload
        self.members = [int(society) for society in workload.program["society"]]
        self.societies = [Society(q, step_s, self.count_steps(q)) for q, step_s in enumerate(workload.step_s)]

    def count_steps(self, society: int) -> int:
        rows = [*self.world.workload.turn, *self.world.workload.report]
        return max((int(row["step"]) + 1 for row in rows if self.members[row["program"]] == society), default=0)

    def of(self, program: int) -> Society | None:
        return self.societies[self.members[program]] if self.members[program] >= 0 else None

    def has_begun(self, turn: Turn) -> bool:
        """Whether the step of a turn has begun, or it stands in none."""
        society = self.of(turn.program)
        return turn.step < 0 or (society is not None and turn.step <= society.step)

    def waited_for(self, society: Society) -> list[Turn]:
        """Turns in steps up to now that have not ended, of programs that are inside."""
        return [
            turn
            for program in self.world.orchestrator.programs
            if program.state == "active" and self.of(program.id) is society
            for turn in program.turns.values()
            if turn.step >= 0 and self.has_begun(turn) and not turn.has_ended
        ]

    # What happens.

    def admitted(self, program: Program) -> None:
        """The first program that comes in begins the first step."""
        society = self.of(program.id)
        if society is not None and society.step < 0 and society.n_steps > 0 and not society.is_due:
            self.push(society, self.world.now)

    def look(self, society: Society) -> None:
        """Somebody whom the society waited for is gone."""
        if self.waited_for(society):
            return
        society.ended_s[society.step] = self.world.now
        if not society.is_due and society.step + 1 < society.n_steps:
            self.push(society, max(self.world.now, society.begun_s[society.step] + society.step_s))

    def push(self, society: Society, time_s: float) -> None:
        society.is_due = True
        self.world.events.push(time_s, Kind.STEP_BEGIN, society.id)

    def begin(self, number: int) -> None:
        """The next step is due, unless a program that was admitted late has to be waited for."""
        society = self.societies[number]
        society.is_due = False
        if society.step >= 0 and self.waited_for(society):
            return
        society.step += 1
        society.begun_s[society.step] = self.world.now
        for report in self.world.workload.report:
            if int(report["step"]) == society.step and self.of(int(report["program"])) is society:
                self.announce(int(report["program"]), float(report["announced"]))
        for program in self.world.orchestrator.programs:
            if program.state == "active" and self.of(program.id) is society:
                for turn in program.turns.values():
                    if turn.step == society.step and program.missing[turn.id] == 0:
                        self.world.gateway.get_ready(turn)
        self.look(society)

    def turn_ended(self, turn: Turn) -> None:
        """A turn of a program that has not failed has ended."""
        for report in self.world.workload.report:
            if int(report["turn"]) == turn.id:
                from_s = self.world.now if self.members[turn.program] < 0 else 0.0
                self.announce(turn.program, from_s + float(report["announced"]))
        society = self.of(turn.program)
        if society is not None and turn.step >= 0:
            self.look(society)

    def failed(self, program: Program, were_waited_for: bool) -> None:
        society = self.of(program.id)
        if society is not None and were_waited_for:
            self.look(society)

    def are_waited_for(self, program: Program) -> bool:
        """Whether its society waits for a turn of a program."""
        society = self.of(program.id)
        return society is not None and any(turn.program == program.id for turn in self.waited_for(society))

    def announce(self, program: int, announced: float) -> None:
        society = self.of(program)
        self.announced[program] = announced
        self.places[program] = (max(int(announced), society.step) if society is not None else 0, self.reports)
        self.reports += 1

    # What rules see.

    def distance(self, program: Program) -> float:
        """Steps or seconds until its next call as it has announced it; 2^40 if it has not, infinite after its end."""
        if program.ended:
            return math.inf
        if program.live:
            return 0.0
        if program.id not in self.announced:
            return 2.0**40
        society = self.of(program.id)
        now = self.world.now if society is None else float(society.step)
        return max(0.0, self.announced[program.id] - now)
