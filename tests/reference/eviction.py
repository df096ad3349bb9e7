"""Rules of `evict_kv` in plain Python (semantics, "Eviction")."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.reference.orchestrator import Orchestrator
from tests.reference.residency import KVPool


@dataclass
class Look:
    """What a rule sees: the pool of an instance, the number of that, all programs, and the time."""

    pool: KVPool
    number: int
    orchestrator: Orchestrator
    now: float

    @property
    def candidates(self) -> list[int]:
        """Idle segments on which nothing stands, the one released longest ago first."""
        return [segment for segment in self.pool.released if not self.pool.children(segment)]


Evict = Callable[[Look], int]


def lowest(key: Callable[[Look, int], float]) -> Evict:
    """The segment with the lowest key, of equals the one released longest ago."""
    return lambda look: min(look.candidates, key=lambda segment: key(look, segment))


EVICTIONS: dict[str, Evict] = {
    "lru": lambda look: look.pool.released[0],
    "lfu": lowest(lambda look, segment: look.pool.uses.get(segment, 0)),
}
