"""Rules of `schedule_turn` and `preempt_turn` in plain Python (semantics, "Scheduling" and "Preemption")."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.reference.programs.orchestrator import Program
from tests.reference.programs.turn import Turn
from tests.reference.rounding import added

if TYPE_CHECKING:
    from tests.reference.batch.instance import Instance

QUEUES, FIRST_QUANTUM_S, QUANTUM_GROWTH, STARVATION_RATIO = 4, 1.0, 2.0, 5.0
LEAST_SLACK_S, MOST_SLACK_S = 1.0, 600.0
UTILISATION_LIMIT, MOST_TOKENS = 0.9, 10_000

Schedule = Callable[["Instance"], Turn | None]
Preempt = Callable[["Instance"], Turn]


def program_of(instance: Instance, turn: Turn) -> Program:
    return instance.world.orchestrator.program(turn)


def uncached(instance: Instance, turn: Turn) -> int:
    """Tokens to prefill, as the cache is now."""
    return turn.target - instance.hit(turn)


def lowest(key: Callable[[Instance, Turn], float]) -> Schedule:
    """The waiting turn with the lowest key, of equals the first in the queue."""
    return lambda instance: min(instance.ready, key=lambda turn: key(instance, turn))


def attained_s(instance: Instance, turn: Turn) -> float:
    return program_of(instance, turn).service_s


def path_s(instance: Instance, turn: Turn) -> float:
    """Service on the longest path of ended turns that leads to the turn."""
    parents = instance.world.orchestrator.parents(turn)
    return max((path_s(instance, parent) + parent.service_s for parent in parents), default=0.0)


def level(instance: Instance, turn: Turn) -> int:
    program = program_of(instance, turn)
    if program.wait_s + instance.world.now - turn.ready_s >= STARVATION_RATIO * program.service_s:
        return 0
    quanta = [FIRST_QUANTUM_S * QUANTUM_GROWTH**k for k in range(QUEUES - 1)]
    return sum(program.service_s >= sum(quanta[: k + 1]) for k in range(QUEUES - 1))


def tokens_left(instance: Instance, turn: Turn) -> int:
    left = [other for other in program_of(instance, turn).turns.values() if not other.has_ended]
    return sum(other.new + other.output for other in left)


def is_pinned(instance: Instance, turn: Turn) -> bool:
    """Whether its instance keeps something for it."""
    return any(turn.id in pin.followers for pin in instance.pool.pins.values())


def gate(instance: Instance) -> Turn | None:
    """In order of ready ms + prompt tokens; while memory is full, those that do not fit are passed by."""
    pool = instance.pool
    full = pool.used > UTILISATION_LIMIT * pool.capacity

    def passes(turn: Turn) -> bool:
        always = turn.preemptions > 0 or is_pinned(instance, turn) or not full
        return always or uncached(instance, turn) <= pool.available * instance.block_size

    def key(turn: Turn) -> tuple[bool, float]:
        return not is_pinned(instance, turn), turn.ready_s * 1000.0 + min(turn.prompt, MOST_TOKENS)

    return min(filter(passes, instance.ready), key=key, default=None)


def continuum(instance: Instance) -> Turn:
    """Preempted, pinned, others; by program."""

    def key(turn: Turn) -> tuple[bool, bool, float]:
        return turn.preemptions == 0, not is_pinned(instance, turn), program_of(instance, turn).arrival_s

    return min(instance.ready, key=key)


def saga_fair(instance: Instance) -> Turn:
    """The tenant with the least service for its share, then the earliest deadline, then the queue."""
    world = instance.world
    rows = world.workload.program

    def tenant(turn: Turn) -> int:
        return int(rows["tenant"][turn.program])

    def deadline_s(turn: Turn) -> float:
        return float(rows["deadline_s"][turn.program])

    ended, services_s = world.history.turns, world.history.services_s
    mean_turn_s = added(turn.service_s for turn in ended) / len(ended) if ended else 1.0
    mean_program_s = added(services_s) / len(services_s) if services_s else 0.0

    def urgency(turn: Turn) -> float:
        remaining_s = max(mean_program_s - attained_s(instance, turn), mean_turn_s) if ended else 1.0
        return remaining_s / max(LEAST_SLACK_S, min(deadline_s(turn) - world.now, MOST_SLACK_S))

    share: dict[int, float] = {}
    for turn in instance.waiting + instance.running:
        share[tenant(turn)] = share.get(tenant(turn), 0.0) + urgency(turn)
    had_s = {k: added(turn.service_s for turn in ended if tenant(turn) == k) for k in share}
    return min(instance.ready, key=lambda turn: (had_s[tenant(turn)] / share[tenant(turn)], deadline_s(turn)))


def llm_d_las(instance: Instance) -> Turn:
    """Little service counts 0.8, a long wait 0.2, each between the least and the most of those that wait."""

    def scaled(values: list[float]) -> list[float]:
        least, most = min(values), max(values)
        return [(value - least) / (most - least) if most > least else 0.0 for value in values]

    served = scaled([program_of(instance, turn).served_tokens for turn in instance.ready])
    waited = scaled([instance.world.now - turn.ready_s for turn in instance.ready])
    scores = [0.8 * (1.0 - service) + 0.2 * wait for service, wait in zip(served, waited, strict=True)]
    return instance.ready[scores.index(max(scores))]


def fcfs(instance: Instance) -> Turn:
    return instance.ready[0]


SCHEDULES: dict[str, Schedule] = {
    "fcfs": fcfs,
    "program_fcfs": lowest(lambda instance, turn: program_of(instance, turn).arrival_s),
    "shortest_prompt": lowest(lambda instance, turn: turn.target),
    "least_uncached": lowest(uncached),
    "plas": lowest(attained_s),
    "atlas": lowest(path_s),
    "autellix_mlfq": lowest(level),
    "saga_fair": saga_fair,
    "continuum": continuum,
    "llm_d_las": llm_d_las,
    "gate": gate,
    "oracle_srpt": lowest(tokens_left),
}


def victim_by(key: Callable[[Instance, Turn], float | tuple[float, float]]) -> Preempt:
    """The running turn with the lowest key, of equals the last admitted."""
    return lambda instance: min(reversed(instance.running), key=lambda turn: key(instance, turn))


def last_admitted(instance: Instance) -> Turn:
    return instance.running[-1]


PREEMPTIONS: dict[str, Preempt] = {
    "last_admitted": last_admitted,
    "smallest": victim_by(lambda instance, turn: turn.prompt + turn.generated),
    "largest": victim_by(lambda instance, turn: -(turn.prompt + turn.generated)),
    "least_progress": victim_by(lambda instance, turn: (turn.generated, -turn.prompt)),
    "latest_program": victim_by(lambda instance, turn: -program_of(instance, turn).arrival_s),
    "most_service": victim_by(lambda instance, turn: -attained_s(instance, turn)),
}
