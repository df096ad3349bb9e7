"""Rules of `evict_kv` in plain Python (semantics, "Eviction")."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.reference.batch.prefill_time import chunk_s, prefill_s
from tests.reference.programs.orchestrator import Program
from tests.reference.programs.turn import Turn
from tests.reference.residency.pool import KVPool
from tests.reference.rules.rule import Parameters, Rule

if TYPE_CHECKING:
    from tests.reference.batch.instance import Instance
    from tests.reference.world import World


@dataclass
class Look:
    """What a rule sees: the pool, or a copy of it on which an iteration is tried, its instance, and its parameters."""

    pool: KVPool
    instance: Instance
    parameters: Parameters

    @property
    def world(self) -> World:
        return self.instance.world

    @property
    def candidates(self) -> list[int]:
        """Idle segments on which nothing stands, the one released longest ago first."""
        parents = {self.pool.parent.get(segment) for segment in self.pool.resident}
        return [segment for segment in self.pool.released if segment not in parents]


Evict = Callable[[Look], int]


def lowest(key: Callable[[Look, int], float]) -> Evict:
    """The segment with the lowest key, of equals the one released longest ago."""
    return lambda look: min(look.candidates, key=lambda segment: key(look, segment))


def is_shared(look: Look, segment: int) -> bool:
    return len(set(look.pool.facts[segment].programs)) != 1


def owner(look: Look, segment: int) -> Program:
    return look.world.orchestrator.programs[look.pool.facts[segment].programs[-1]]


def goes_on(look: Look, program: Program) -> float:
    """Probability that a program has another turn."""
    ended = sum(turn.has_ended for turn in look.world.orchestrator.turns)
    done = sum(other.state == "done" for other in look.world.orchestrator.programs)
    if program.state != "active":
        return 0.0
    return 1.0 if program.live or not ended else (ended - done) / ended


def idle_s(look: Look, segment: int) -> float:
    return look.world.now - look.pool.facts[segment].released_s


def saga_wa_lru(look: Look) -> int:
    p = look.parameters
    longest_s = max(idle_s(look, segment) for segment in look.candidates)
    most = max(look.pool.resident[segment] for segment in look.candidates)

    def score(segment: int) -> float:
        reuse = 1.0 if is_shared(look, segment) else goes_on(look, owner(look, segment))
        idle = idle_s(look, segment) / longest_s if longest_s else 0.0
        size = look.pool.resident[segment] / most
        return p["reuse_weight"] * (1.0 - reuse) + p["size_weight"] * size + p["idle_weight"] * idle

    return max(look.candidates, key=score)


def start_tokens(look: Look, segment: int) -> int:
    return int(look.world.workload.segment["start_block"][segment]) * look.instance.block_size


@lowest
def pensieve(look: Look, segment: int) -> float:
    """Time to compute the last block again over idle time."""
    size, spec = look.instance.block_size, look.instance.spec
    position = start_tokens(look, segment) + (look.pool.resident[segment] - 1) * size
    return chunk_s(spec, min(size, spec.max_num_batched_tokens), position) / max(idle_s(look, segment), 1e-6)


def marconi(look: Look) -> int:
    spec = look.instance.spec
    blocks = look.pool.resident
    # 1 / idle time over the largest of them, in one division: equal scores must be equal to the bit.
    idle = {k: max(idle_s(look, k), 1e-6) for k in look.candidates}
    least_idle_s = min(idle.values())
    saved_s = {
        k: prefill_s(spec, blocks[k] * look.instance.block_size, start_tokens(look, k)) / blocks[k]
        for k in look.candidates
    }
    most_s = max(saved_s.values())

    def value(segment: int) -> float:
        efficiency = saved_s[segment] / most_s if most_s else 0.0
        return least_idle_s / idle[segment] + look.parameters["alpha"] * efficiency

    return min(look.candidates, key=value)


def cached_attention(look: Look) -> int:
    """What the first turns of the queue do not need, else what only the last of them need."""
    waiting = look.instance.waiting
    if not waiting:
        return look.candidates[0]
    mean_blocks = sum(turn.target for turn in waiting) / len(waiting) / look.instance.block_size
    window = waiting[: max(1, int(look.pool.capacity / mean_blocks))]

    def needed(turn: Turn) -> tuple[int, ...]:
        return look.pool.held_of(turn.path, turn.target // look.instance.block_size)

    def place(segment: int) -> float:
        return next((k for k, turn in enumerate(window) if segment in needed(turn)), math.inf)

    return max(look.candidates, key=place)


@lowest
def tlru(look: Look, segment: int) -> float:
    """First what its program does without and is still within a threshold."""
    programs = look.pool.facts[segment].programs
    if not programs:
        return 1.0
    p, size = look.parameters, look.instance.block_size
    needed = owner(look, segment).context + p["next_prompt_tokens"] - p["threshold_tokens"]
    return float(start_tokens(look, segment) + (look.pool.resident[segment] - 1) * size < max(0.0, needed))


@lowest
def continuum_order(look: Look, segment: int) -> float:
    """The latest program; those that have ended first, what is shared last."""
    if is_shared(look, segment):
        return math.inf
    program = owner(look, segment)
    return -program.arrival_s if program.state == "active" else -math.inf


# Belady.


def due_after_s(look: Look, turn: Turn) -> float:
    """Time from the admission of its program to a turn, at 1/64 s an output token."""
    orchestrator, due_s = look.world.orchestrator, 0.0
    for parent in orchestrator.parents(turn):
        for edge in orchestrator.edges(parent):
            if orchestrator.target(edge) is turn:
                due_s = max(due_s, due_after_s(look, parent) + parent.output / 64 + orchestrator.attempts_s(edge))
    return due_s


def step_due_s(look: Look, turn: Turn) -> float:
    """When the step of a turn begins if steps go on to take as long as they did."""
    society = look.world.societies.of(turn.program)
    if turn.step < 0 or society is None or look.world.societies.has_begun(turn):
        return look.world.now
    each_s, from_s = max(society.step_s, 1 / 64), look.world.now
    if society.step >= 0:
        from_s = society.begun_s[society.step]
    if society.step > 0:
        each_s = max(each_s, (from_s - society.begun_s[0]) / society.step)
    return max(look.world.now, from_s + (turn.step - society.step) * each_s)


def due_s(look: Look, turn: Turn) -> float:
    """When a turn that has not ended will be ready."""
    program = look.world.orchestrator.programs[turn.program]
    row = look.world.workload.program[turn.program]
    after_s = due_after_s(look, turn)
    if program.state == "unborn":
        arrival_s = float(row["arrival_s"]) if row["after"] < 0 else look.world.now + float(row["arrival_s"])
        return max(arrival_s + after_s, step_due_s(look, turn))
    if program.state == "held":
        return max(look.world.now + after_s, step_due_s(look, turn))
    if not math.isnan(turn.ready_s):
        return turn.ready_s
    if not look.world.societies.has_begun(turn):
        return step_due_s(look, turn)
    before = [t for t in program.turns.values() if t.id < turn.id and not math.isnan(t.ready_s)]
    if not before:
        return look.world.now + after_s
    last = before[-1]
    before_s = due_after_s(look, last)
    if not last.has_ended:
        return look.world.now + (after_s - before_s)
    return max(look.world.now, last.end_s + (after_s - before_s - last.output / 64))


def next_use_s(look: Look, segment: int) -> float:
    """When the instance is next asked for a segment."""

    def may_use(turn: Turn) -> bool:
        over = turn.has_ended or look.world.orchestrator.programs[turn.program].ended
        whole = turn.prompt // look.instance.block_size
        uses = any(part.id == segment and part.start < whole for part in turn.path)
        return uses and not over and turn.instance in (-1, look.instance.number)

    return min((due_s(look, turn) for turn in look.world.orchestrator.turns if may_use(turn)), default=math.inf)


def next_turn_s(look: Look, program: Program) -> float:
    """When the next turn of a program is due."""
    turns = [] if program.ended else [turn for turn in program.turns.values() if not turn.has_ended]
    return min((due_s(look, turn) for turn in turns), default=math.inf)


def oracle_belady(look: Look) -> int:
    return max(look.candidates, key=lambda segment: next_use_s(look, segment))


# By distance.


def level_of(look: Look, distance: float) -> float:
    """KVFlow tells so many steps apart; only what is never used again is further than what is far."""
    return distance if math.isinf(distance) else min(look.parameters["level"] + 1, distance)


@lowest
def scalesim(look: Look, segment: int) -> float:
    return -look.world.owners.distance_of_segment(look.pool, segment)


@lowest
def kvflow(look: Look, segment: int) -> float:
    return -level_of(look, look.world.owners.distance_of_segment(look.pool, segment))


def order_of_adapter(rule: Rule[Evict], look: Look, adapter: int) -> float:
    """The adapter with the largest gives way first."""
    if rule.answer is scalesim:
        return look.world.owners.distance_of_adapter(adapter)
    if rule.answer is kvflow:
        return level_of(look, look.world.owners.distance_of_adapter(adapter))
    return adapter_use_s(look, adapter) if rule.answer is oracle_belady else 0.0


def adapter_use_s(look: Look, adapter: int) -> float:
    """When the next turn of a program that needs it is due here."""
    owners = [look.world.orchestrator.programs[program] for program in look.world.owners.of_adapter(adapter)]
    here = [program for program in owners if program.home in (-1, look.instance.number)]
    return min((next_turn_s(look, program) for program in here), default=math.inf)


def lru(look: Look) -> int:
    return look.pool.released[0]


EVICTIONS: dict[str, Evict] = {
    "lru": lru,
    "tlru": tlru,
    "lfu": lowest(lambda look, segment: look.pool.facts[segment].uses),
    "fifo": lowest(lambda look, segment: look.pool.facts[segment].entered),
    "largest": lowest(lambda look, segment: -look.pool.resident[segment]),
    "saga_wa_lru": saga_wa_lru,
    "pensieve": pensieve,
    "marconi": marconi,
    "cached_attention": cached_attention,
    "continuum_order": continuum_order,
    "scalesim": scalesim,
    "kvflow": kvflow,
    "oracle_belady": oracle_belady,
}
