"""Rules of `admit_program` in plain Python (semantics, "Admission")."""

from __future__ import annotations

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


class Concur(AdmissionRule):
    """As many as a window allows, which follows the cache."""

    ticks: ClassVar[bool] = True

    def answer(self, admission: Admission, program: Program) -> str:
        return "hold" if admission.overtakes(program) or admission.inside + 1 > admission.window else "admit"

    def tick(self, admission: Admission) -> list[Program]:
        hits = sum(turn.all_hits for turn in admission.world.orchestrator.turns)
        tokens = hits + sum(instance.prefill_tokens for instance in admission.world.instances)
        asked = tokens - admission.seen_tokens[1]
        hit_rate = (hits - admission.seen_tokens[0]) / asked if asked else 1.0
        admission.seen_tokens = hits, tokens
        use = admission.utilisation()
        if use < 0.85 and hit_rate > 0.9:
            admission.window += 1.0 if admission.inside + 1 > admission.window else 0.0
        elif use > 0.95 and hit_rate < 0.8:
            admission.window = max(1.0, admission.window * 0.7)
        return []


ADMISSIONS: dict[str, type[AdmissionRule]] = {
    "admit": AdmissionRule,
    "max_programs": MaxPrograms,
    "watermark": Watermark,
    "gate": Gate,
    "concur": Concur,
    "thunder_agent": ThunderAgent,
    "mori": Mori,
}
