"""An iteration, and the runs of iterations of one composition (semantics, "Runs")."""

from dataclasses import dataclass, field

from tests.reference.programs.turn import Turn


@dataclass
class Step:
    """What one iteration computes: decodes and (prefill, chunk, tokens cached before the chunk).

    Attributes:
        preempted: Somebody was preempted for it.
        jumped: A prefill skips tokens.
        broke: Pins were broken for it, or victims of eviction chosen by more than their age.
    """

    decodes: list[Turn] = field(default_factory=list)
    prefills: list[tuple[Turn, int, int]] = field(default_factory=list)
    preempted: bool = False
    jumped: bool = False
    broke: bool = False

    @property
    def n_tokens(self) -> int:
        return len(self.decodes) + sum(chunk for _, chunk, _ in self.prefills)

    @property
    def is_full(self) -> bool:
        """One prefill takes all that is left of the budget, and will do so again."""
        return len(self.prefills) == 1 and self.prefills[0][0].computed < self.prefills[0][0].target

    @property
    def composition(self) -> tuple[object, ...]:
        """Who computes how much, and whose prefill ends."""
        prefills = tuple((t.id, chunk, t.computed == t.target) for t, chunk, _ in self.prefills)
        return tuple(t.id for t in self.decodes), prefills

    @property
    def next_composition(self) -> tuple[object, ...]:
        """The same, and how much of a chunk is left for the next iteration."""
        return self.composition, tuple(min(chunk, t.target - t.computed) for t, chunk, _ in self.prefills)


@dataclass
class Run:
    """Iterations of one composition: iteration j takes first_s + growth_s * j.

    One that has preempted somebody is a run by itself: what it made room for may join the next.
    """

    start_s: float
    first_s: float
    growth_s: float
    composition: tuple[object, ...]
    branch: tuple[str, ...]
    alone: bool
    j: int = 0

    @property
    def end_s(self) -> float:
        """End of iteration j, computed from the start of the run."""
        return self.start_s + ((self.j + 1) * self.first_s + self.growth_s * (self.j * (self.j + 1) // 2))
