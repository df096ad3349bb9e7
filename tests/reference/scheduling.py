"""Rules of the batch in plain Python (semantics, "Scheduling" and "Preemption")."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.reference.orchestrator import Orchestrator, Program
from tests.reference.turn import Turn

if TYPE_CHECKING:
    from tests.reference.batching import Instance

QUEUES, FIRST_QUANTUM_S, QUANTUM_GROWTH, STARVATION_RATIO = 4, 1.0, 2.0, 5.0
LEAST_SLACK_S, MOST_SLACK_S = 1.0, 600.0
UTILISATION_LIMIT, MOST_TOKENS = 0.9, 10_000


@dataclass
class Look:
    """What a rule sees: an instance, all programs and the time."""

    instance: Instance
    orchestrator: Orchestrator
    now: float

    def program(self, turn: Turn) -> Program:
        return self.orchestrator.programs[turn.program]

    def uncached(self, turn: Turn) -> int:
        """Tokens to prefill, as the cache is now."""
        size = self.instance.block_size
        return turn.target - min(self.instance.match(turn), (turn.target - 1) // size) * size


Schedule = Callable[[Look], Turn | None]
Victim = Callable[[Look], Turn]


def lowest(key: Callable[[Look, Turn], float]) -> Schedule:
    """The waiting turn with the lowest key, of equals the first in the queue."""
    return lambda look: min(look.instance.ready, key=lambda turn: key(look, turn))


def service_s(turn: Turn) -> float:
    """From the first scheduling of an ended turn to its end."""
    return turn.end_s - turn.scheduled_s


def attained_s(look: Look, turn: Turn) -> float:
    return look.program(turn).service_s


def path_s(look: Look, turn: Turn) -> float:
    """Service on the longest path of ended turns that leads to the turn."""
    parents = look.orchestrator.parents(turn)
    return max((path_s(look, parent) + service_s(parent) for parent in parents), default=0.0)


def level(look: Look, turn: Turn) -> int:
    program = look.program(turn)
    if program.wait_s + look.now - turn.ready_s >= STARVATION_RATIO * program.service_s:
        return 0
    quanta = [FIRST_QUANTUM_S * QUANTUM_GROWTH**k for k in range(QUEUES - 1)]
    return sum(program.service_s >= sum(quanta[: k + 1]) for k in range(QUEUES - 1))


def tokens_left(look: Look, turn: Turn) -> int:
    rows = look.orchestrator.workload.turn
    left = [t.id for t in look.program(turn).turns.values() if math.isnan(t.end_s)]
    return sum(int(rows["new_tokens"][i] + rows["output_tokens"][i]) for i in left)


def is_pinned(look: Look, turn: Turn) -> bool:
    """Whether its instance keeps something for it."""
    return any(turn.id in pin.followers for pin in look.instance.pool.pins.values())


def gate(look: Look) -> Turn | None:
    """In order of ready ms + prompt tokens; while memory is full, those that do not fit are passed by."""
    instance = look.instance
    pool = instance.pool
    full = pool.used > UTILISATION_LIMIT * pool.capacity

    def passes(turn: Turn) -> bool:
        always = turn.preemptions > 0 or is_pinned(look, turn) or not full
        return always or look.uncached(turn) <= pool.available * instance.block_size

    passing = [turn for turn in instance.ready if passes(turn)]

    def key(turn: Turn) -> tuple[bool, float]:
        return not is_pinned(look, turn), turn.ready_s * 1000.0 + min(turn.prompt, MOST_TOKENS)

    return min(passing, key=key, default=None)


def continuum(look: Look) -> Turn:
    """Preempted, pinned, others; by program."""
    arrival_s = {turn.id: look.program(turn).arrival_s for turn in look.instance.ready}
    return min(look.instance.ready, key=lambda t: (t.preemptions == 0, not is_pinned(look, t), arrival_s[t.id]))


def saga_fair(look: Look) -> Turn:
    """The tenant with the least service for its share, then the earliest deadline, then the queue."""
    everybody = look.orchestrator.programs
    rows = look.orchestrator.workload.program

    def tenant(turn: Turn) -> int:
        return int(rows["tenant"][turn.program])

    def deadline_s(turn: Turn) -> float:
        return float(rows["deadline_s"][turn.program])

    ended = [t for t in look.orchestrator.turns if not math.isnan(t.end_s)]
    done = [p for p in everybody if p.state == "done"]
    mean_turn_s = sum(service_s(t) for t in ended) / len(ended) if ended else 1.0
    mean_program_s = sum(p.service_s for p in done) / len(done) if done else 0.0

    def urgency(turn: Turn) -> float:
        remaining_s = max(mean_program_s - attained_s(look, turn), mean_turn_s) if ended else 1.0
        return remaining_s / max(LEAST_SLACK_S, min(deadline_s(turn) - look.now, MOST_SLACK_S))

    share: dict[int, float] = {}
    for turn in look.instance.waiting + look.instance.running:
        share[tenant(turn)] = share.get(tenant(turn), 0.0) + urgency(turn)
    had_s = {k: sum(service_s(t) for t in ended if tenant(t) == k) for k in share}
    return min(look.instance.ready, key=lambda t: (had_s[tenant(t)] / share[tenant(t)], deadline_s(t)))


SCHEDULES: dict[str, Schedule] = {
    "fcfs": lambda look: look.instance.ready[0],
    "program_fcfs": lowest(lambda look, turn: look.program(turn).arrival_s),
    "shortest_prompt": lowest(lambda look, turn: turn.target),
    "least_uncached": lowest(lambda look, turn: look.uncached(turn)),
    "plas": lowest(attained_s),
    "atlas": lowest(path_s),
    "autellix_mlfq": lowest(level),
    "saga_fair": saga_fair,
    "continuum": continuum,
    "gate": gate,
    "oracle_srpt": lowest(tokens_left),
}


def victim_by(key: Callable[[Look, Turn], float | tuple[float, float]]) -> Victim:
    """The running turn with the lowest key, of equals the last admitted."""
    return lambda look: min(reversed(look.instance.running), key=lambda turn: key(look, turn))


VICTIMS: dict[str, Victim] = {
    "last_admitted": lambda look: look.instance.running[-1],
    "smallest": victim_by(lambda look, turn: turn.prompt + turn.generated),
    "largest": victim_by(lambda look, turn: -(turn.prompt + turn.generated)),
    "least_progress": victim_by(lambda look, turn: (turn.generated, -turn.prompt)),
    "latest_program": victim_by(lambda look, turn: -look.program(turn).arrival_s),
    "most_service": victim_by(lambda look, turn: -attained_s(look, turn)),
}


@dataclass
class Scheduler:
    """Answers for the instances of a cluster, by the names of two rules."""

    orchestrator: Orchestrator
    schedule: str = "fcfs"
    preempt: str = "last_admitted"

    def next_turn(self, instance: Instance, now: float) -> Turn | None:
        """Who joins the batch; an idle instance takes the head of the queue rather than nobody."""
        chosen = SCHEDULES[self.schedule](Look(instance, self.orchestrator, now))
        return instance.ready[0] if chosen is None and not instance.running else chosen

    def victim(self, instance: Instance, now: float) -> Turn:
        """Who leaves it when blocks are short."""
        return VICTIMS[self.preempt](Look(instance, self.orchestrator, now))
