"""Who comes in, in plain Python (semantics, "Admission")."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.reference.batching import Instance
from tests.reference.orchestrator import Orchestrator, Program
from tests.reference.residency import Path


@dataclass
class Admission:
    """Programs that are held, and the rule that decides about them.

    Attributes:
        held: Programs that are held, the first to be asked for first.
        window: Programs that `concur` lets in.
        seen_tokens: Hit tokens and tokens asked for at its last tick.
    """

    orchestrator: Orchestrator
    instances: Sequence[Instance]
    rule: str = "admit"
    parameters: Mapping[str, float] = field(default_factory=dict)
    held: list[Program] = field(default_factory=list)
    window: float = 16.0
    seen_tokens: tuple[int, int] = (0, 0)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.window = self.parameters.get("first_window", self.window)

    @property
    def period_s(self) -> float:
        return self.parameters.get("period_s", 1.0)

    @property
    def ticks(self) -> bool:
        """Whether there is something to do at a tick besides asking again."""
        return self.rule in ("concur", "thunder_agent", "mori")

    @property
    def inside(self) -> int:
        """Programs that have been admitted and have not ended."""
        return sum(program.state == "active" for program in self.orchestrator.programs)

    def ask(self, program: Program, now: float) -> str:
        """ "admit", "hold" or "reject"; nobody is held while nobody is inside."""
        self.now = now
        answer = RULES[self.rule](self, program)
        return "admit" if answer == "hold" and self.inside == 0 else answer

    def overtakes(self, program: Program) -> bool:
        return bool(self.held) and self.held[0] is not program

    def up(self) -> list[Instance]:
        return [instance for instance in self.instances if instance.up]

    def utilisation(self) -> float:
        """Share of the blocks of the instances that are up which running turns hold."""
        capacity = sum(instance.pool.capacity for instance in self.up())
        used = sum(instance.pool.used for instance in self.up())
        return used / capacity if capacity else 1.0

    # Pausing.

    @property
    def capacity_tokens(self) -> int:
        return sum(instance.pool.capacity * instance.block_size for instance in self.up())

    def demand(self, program: Program, now: float) -> float:
        """Tokens that a program counts with."""
        tokens = program.context + self.parameters["buffer_tokens"] - self.of_others(program)
        if program.live or self.rule == "mori":
            return tokens
        return tokens * 2.0 ** (-(now - program.acting_since_s) / self.parameters["half_life_s"])

    def of_others(self, program: Program) -> float:
        """Tokens of its prefix that count for other programs that are in."""
        how = self.parameters.get("attribution", 0.0)
        segment, tokens = self.prefix(program)
        if how == 0.0 or segment is None:
            return 0.0
        sharers = [other.id for other in self.unpaused() if self.prefix(other)[0] == segment]
        if how == 1.0:
            return tokens * (1.0 - 1.0 / len(sharers))
        return 0.0 if sharers[0] == program.id else tokens

    def prefix(self, program: Program) -> tuple[int | None, int]:
        """The deepest segment of its first prompt that another program's has too, and the tokens to its end."""
        path, block_size = self.first_path(program), self.instances[0].block_size
        prompt = next(iter(program.turns.values())).prompt
        for segment in reversed(path):
            others = (p for p in self.orchestrator.programs if p is not program)
            if any(segment in self.first_path(other) for other in others):
                return segment.id, min(prompt, (segment.start + segment.length) * block_size)
        return None, 0

    def first_path(self, program: Program) -> Path:
        return next(iter(program.turns.values())).path

    def total(self, now: float) -> float:
        return sum(self.demand(program, now) for program in self.unpaused())

    def total_with(self, program: Program, total: float, now: float) -> float:
        """What all count with after a program that has been paused has come in, or has been paused that was in."""
        if self.parameters.get("attribution", 0.0) == 0.0:
            return total + (-self.demand(program, now) if not program.paused else self.demand(program, now))
        program.paused = not program.paused
        total = self.total(now)
        program.paused = not program.paused
        return total

    def unpaused(self) -> list[Program]:
        return [p for p in self.orchestrator.programs if p.state == "active" and not p.paused]

    def to_resume(self, now: float) -> Program | None:
        paused = [program for program in self.orchestrator.programs if program.paused]
        rank = self.rank(now)
        return min(paused, key=lambda program: (not program.live, rank(program)), default=None)

    def rank(self, now: float) -> Callable[[Program], float]:
        return lambda p: p.idleness(now) if self.rule == "mori" else p.context

    def take_stock(self, now: float) -> list[Program]:
        """Pause programs or resume them; those resumed."""
        total = self.total(now)
        if total > self.capacity_tokens:
            sign = -1 if self.rule == "mori" else 1
            rank = self.rank(now)
            for program in sorted(self.unpaused(), key=lambda p: (bool(p.live), sign * rank(p)))[:-1]:
                if total > self.capacity_tokens:
                    total = self.total_with(program, total, now)
                    program.paused = True
            return []
        resumed = []
        while (program := self.to_resume(now)) is not None:
            total = self.total_with(program, total, now)
            if total > self.capacity_tokens and self.unpaused():
                break
            program.paused = False
            resumed.append(program)
        return resumed

    def tick(self) -> None:
        """The window of `concur` follows the cache."""
        if self.rule != "concur":
            return
        hits = sum(turn.all_hits for turn in self.orchestrator.turns)
        tokens = hits + sum(instance.prefill_tokens for instance in self.instances)
        asked = tokens - self.seen_tokens[1]
        hit_rate = (hits - self.seen_tokens[0]) / asked if asked else 1.0
        self.seen_tokens = hits, tokens
        use = self.utilisation()
        if use < 0.85 and hit_rate > 0.9:
            self.window += 1.0 if self.inside + 1 > self.window else 0.0
        elif use > 0.95 and hit_rate < 0.8:
            self.window = max(1.0, self.window * 0.7)


def max_programs(admission: Admission, program: Program) -> str:
    most = admission.parameters["per_instance"] * len(admission.up())
    if not admission.overtakes(program) and admission.inside < most:
        return "admit"
    newcomer = program not in admission.held
    return "reject" if newcomer and len(admission.held) >= admission.parameters["most_held"] else "hold"


def watermark(admission: Admission, program: Program) -> str:
    free = admission.utilisation() < admission.parameters["utilisation_limit"]
    return "admit" if free and not admission.overtakes(program) else "hold"


def gate(admission: Admission, program: Program) -> str:
    first = min(program.turns.values(), key=lambda turn: turn.id)

    def takes(instance: Instance) -> bool:
        pool, size = instance.pool, instance.block_size
        if pool.used <= admission.parameters["utilisation_limit"] * pool.capacity:
            return True
        hit = min(pool.match(first.path, first.prompt // size), (first.prompt - 1) // size) * size
        return first.prompt - hit <= pool.available * size

    return "admit" if not admission.overtakes(program) and any(map(takes, admission.up())) else "hold"


def concur(admission: Admission, program: Program) -> str:
    return "hold" if admission.overtakes(program) or admission.inside + 1 > admission.window else "admit"


def pausing(admission: Admission, program: Program) -> str:
    now = admission.now
    first_back = admission.to_resume(now)
    if admission.overtakes(program) or (first_back is not None and first_back.live):
        return "hold"
    total = sum(admission.demand(inside, now) for inside in admission.unpaused())
    prompt = min(program.turns.values(), key=lambda turn: turn.id).prompt + admission.parameters["buffer_tokens"]
    return "admit" if total + prompt <= admission.capacity_tokens else "hold"


RULES: dict[str, Callable[[Admission, Program], str]] = {
    "admit": lambda admission, program: "admit",
    "max_programs": max_programs,
    "watermark": watermark,
    "gate": gate,
    "concur": concur,
    "thunder_agent": pausing,
    "mori": pausing,
}
