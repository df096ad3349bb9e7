"""Rules of `admit_program` in plain Python (semantics, "Admission")."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from tests.reference.rules.pausing import Mori, ThunderAgent
from tests.reference.rules.rule import AdmissionRule

if TYPE_CHECKING:
    from tests.reference.batch.instance import Instance
    from tests.reference.programs.admission import Admission
    from tests.reference.programs.orchestrator import Program


class MaxPrograms(AdmissionRule):
    """So many per instance; of the others so many are held."""

    def answer(self, admission: Admission, program: Program) -> str:
        most = self.parameters["per_instance"] * len(admission.up)
        if not admission.overtakes(program) and admission.inside < most:
            return "admit"
        newcomer = program not in admission.held
        return "reject" if newcomer and len(admission.held) >= self.parameters["most_held"] else "hold"


class Watermark(AdmissionRule):
    """While little enough of the memory is in use."""

    def answer(self, admission: Admission, program: Program) -> str:
        free = admission.utilisation() < self.parameters["utilisation_limit"]
        return "admit" if free and not admission.overtakes(program) else "hold"


class Gate(AdmissionRule):
    """While the first prompt finds room on some instance."""

    def answer(self, admission: Admission, program: Program) -> str:
        takes = any(self.takes(instance, program) for instance in admission.up)
        return "admit" if takes and not admission.overtakes(program) else "hold"

    def takes(self, instance: Instance, program: Program) -> bool:
        pool, size, first = instance.pool, instance.block_size, program.first_turn
        if pool.used <= self.parameters["utilisation_limit"] * pool.capacity:
            return True
        hit = min(pool.match(first.path, first.prompt // size), (first.prompt - 1) // size) * size
        return first.prompt - hit <= pool.available * size


class HysteresisGate(AdmissionRule):
    """Newcomers come in below the high marks; of those held one a tick, below the low mark."""

    ticks: ClassVar[bool] = True

    def answer(self, admission: Admission, program: Program) -> str:
        if not admission.held:
            full = self.waiting(admission) > self.parameters["most_waiting"]
            return "hold" if full or admission.utilisation() > self.parameters["utilisation_limit"] else "admit"
        return "hold" if admission.overtakes(program) or self.let_in(admission) >= admission.window else "admit"

    def tick(self, admission: Admission) -> list[Program]:
        little = self.waiting(admission) <= self.parameters["least_waiting"]
        admission.window = self.let_in(admission) + float(little and bool(admission.held))
        return []

    def waiting(self, admission: Admission) -> int:
        return sum(len(instance.waiting) for instance in admission.up)

    def let_in(self, admission: Admission) -> int:
        """Programs that have ever been let in."""
        return sum(not math.isnan(p.admitted_s) for p in admission.world.orchestrator.programs)


class ConcurTuned(AdmissionRule):
    """As many as a window allows, which follows the cache."""

    ticks: ClassVar[bool] = True

    def answer(self, admission: Admission, program: Program) -> str:
        return "hold" if admission.overtakes(program) or admission.inside + 1 > admission.window else "admit"

    def tick(self, admission: Admission) -> list[Program]:
        use, hit_rate = admission.utilisation(), self.hit_rate(admission)
        if use < 0.85 and hit_rate > 0.9:
            admission.window += 1.0 if admission.inside + 1 > admission.window else 0.0
        elif use > 0.95 and hit_rate < 0.8:
            admission.window = max(1.0, admission.window * 0.7)
        return []

    def hit_rate(self, admission: Admission) -> float:
        """Since the last tick."""
        hits = sum(turn.all_hits for turn in admission.world.orchestrator.turns)
        tokens = hits + sum(instance.prefill_tokens for instance in admission.world.instances)
        asked = tokens - admission.seen_tokens[1]
        hit_rate = (hits - admission.seen_tokens[0]) / asked if asked else 1.0
        admission.seen_tokens = hits, tokens
        return hit_rate


class Concur(ConcurTuned):
    """As many run as a window allows; the last to come in are paused."""

    def answer(self, admission: Admission, program: Program) -> str:
        running, paused = self.inside(admission)
        waits = admission.overtakes(program) or paused or len(running) + 1 > admission.window
        return "hold" if waits else "admit"

    def tick(self, admission: Admission) -> list[Program]:
        use, hit_rate = admission.utilisation(), self.hit_rate(admission)
        if use < self.parameters["low_utilisation"]:
            admission.window += 2.0
        elif use > self.parameters["high_utilisation"] and hit_rate < self.parameters["low_hit_rate"]:
            admission.window = max(1.0, admission.window * 0.5)
        running, paused = self.inside(admission)
        most = max(1, int(admission.window))
        for program in running[most:]:
            program.paused = True
        back = paused[: max(0, most - len(running))]
        for program in back:
            program.paused = False
        return back

    def inside(self, admission: Admission) -> tuple[list[Program], list[Program]]:
        """Programs that run, and those that are paused, in the order in which they came in."""
        programs = [p for p in admission.world.orchestrator.programs if p.state == "active"]
        programs.sort(key=lambda program: (program.admitted_s, program.id))
        return [p for p in programs if not p.paused], [p for p in programs if p.paused]


ADMISSIONS: dict[str, type[AdmissionRule]] = {
    "admit": AdmissionRule,
    "max_programs": MaxPrograms,
    "watermark": Watermark,
    "gate": Gate,
    "hysteresis_gate": HysteresisGate,
    "concur": Concur,
    "concur_tuned": ConcurTuned,
    "thunder_agent": ThunderAgent,
    "mori": Mori,
}
