"""Rules of `admit_program` that pause programs and resume them at ticks (semantics, "Admission")."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.reference.rounding import added
from tests.reference.rules.rule import AdmissionRule

if TYPE_CHECKING:
    from tests.reference.programs.admission import Admission
    from tests.reference.programs.orchestrator import Orchestrator, Program


class ThunderAgent(AdmissionRule):
    """As many as count with no more tokens than there is room for; small ones that have no turn here pause first."""

    ticks: ClassVar[bool] = True

    def answer(self, admission: Admission, program: Program) -> str:
        first_back = self.to_resume(admission)
        if admission.overtakes(program) or (first_back is not None and first_back.live):
            return "hold"
        prompt = program.first_turn.prompt + self.parameters["buffer_tokens"]
        return "admit" if self.total(admission) + prompt <= self.capacity_tokens(admission) else "hold"

    def tick(self, admission: Admission) -> list[Program]:
        """Pause programs or resume them."""
        if self.total(admission) > self.capacity_tokens(admission):
            self.pause(admission)
            return []
        return self.resume(admission)

    def pause(self, admission: Admission) -> None:
        """One after the other until the others have room; the last one stays."""
        total = self.total(admission)
        order = sorted(
            self.unpaused(admission), key=lambda program: (bool(program.live), self.stays(admission, program))
        )
        for program in order[:-1]:
            if total > self.capacity_tokens(admission):
                total = self.total_with(admission, program, total)
                program.paused = True

    def resume(self, admission: Admission) -> list[Program]:
        """One after the other while there is room; one at least if all are paused."""
        total, resumed = self.total(admission), []
        while (program := self.to_resume(admission)) is not None:
            total = self.total_with(admission, program, total)
            if total > self.capacity_tokens(admission) and self.unpaused(admission):
                break
            program.paused = False
            resumed.append(program)
        return resumed

    def to_resume(self, admission: Admission) -> Program | None:
        paused = [program for program in admission.world.orchestrator.programs if program.paused]
        return min(paused, key=lambda program: (not program.live, self.returns(admission, program)), default=None)

    def unpaused(self, admission: Admission) -> list[Program]:
        return [p for p in admission.world.orchestrator.programs if p.state == "active" and not p.paused]

    # Who is the first to pause and to return.

    def stays(self, admission: Admission, program: Program) -> float:
        """The larger, the later it is paused."""
        return program.context

    def returns(self, admission: Admission, program: Program) -> float:
        """The larger, the later it is resumed."""
        return program.context

    # What programs count with.

    def capacity_tokens(self, admission: Admission) -> int:
        return sum(instance.pool.capacity * instance.block_size for instance in admission.up)

    def total(self, admission: Admission) -> float:
        return added(self.demand(admission, program) for program in self.unpaused(admission))

    def total_with(self, admission: Admission, program: Program, total: float) -> float:
        """What all count with after a program that has been paused has come in, or has been paused that was in."""
        if self.parameters.get("attribution", 0.0) == 0.0:
            demand = self.demand(admission, program)
            return total + (demand if program.paused else -demand)
        program.paused = not program.paused
        total = self.total(admission)
        program.paused = not program.paused
        return total

    def demand(self, admission: Admission, program: Program) -> float:
        """Tokens of a program; those of one that has no turn here are halved again and again."""
        tokens = self.tokens(admission, program)
        if program.live:
            return tokens
        return tokens * 2.0 ** (-(admission.world.now - program.acting_since_s) / self.parameters["half_life_s"])

    def tokens(self, admission: Admission, program: Program) -> float:
        return program.context + self.parameters["buffer_tokens"] - self.of_others(admission, program)

    def of_others(self, admission: Admission, program: Program) -> float:
        """Tokens of its prefix that count for other programs that are in."""
        how = self.parameters.get("attribution", 0.0)
        segment, tokens = shared_prefix(admission.world.orchestrator, program)
        if how == 0.0 or segment is None:
            return 0.0
        inside = self.unpaused(admission)
        sharers = [o.id for o in inside if shared_prefix(admission.world.orchestrator, o)[0] == segment]
        if how == 1.0:
            return tokens * (1.0 - 1.0 / len(sharers))
        return 0.0 if sharers[0] == program.id else tokens


class Mori(ThunderAgent):
    """The same, by the share of its recent time that a program is without a turn here."""

    def stays(self, admission: Admission, program: Program) -> float:
        return -program.idleness(admission.world.now)

    def returns(self, admission: Admission, program: Program) -> float:
        return program.idleness(admission.world.now)

    def demand(self, admission: Admission, program: Program) -> float:
        return self.tokens(admission, program)


def shared_prefix(orchestrator: Orchestrator, program: Program) -> tuple[int | None, int]:
    """The deepest segment of its first prompt that another program's has too, and the tokens to its end."""
    first = program.first_turn
    for segment in reversed(first.path):
        others = (other for other in orchestrator.programs if other is not program)
        if any(segment in other.first_turn.path for other in others):
            return segment.id, min(first.prompt, (segment.start + segment.length) * orchestrator.workload.block_size)
    return None, 0
