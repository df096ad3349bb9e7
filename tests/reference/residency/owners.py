"""Who needs what lies in memory, and how far they are from their next calls (semantics, "Memory objects")."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tests.reference.residency.pool import KVPool

if TYPE_CHECKING:
    from tests.reference.world import World


class Owners:
    """The programs that need segments and adapters again and again."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.segments: dict[int, list[int]] = {}
        for turn in world.orchestrator.turns:
            for segment in turn.path:
                self.segments.setdefault(segment.id, []).append(turn.program)

    def of_segment(self, segment: int) -> set[int]:
        """None for what a single turn uses."""
        users = self.segments.get(segment, [])
        return set(users) if len(users) > 1 else set()

    def of_adapter(self, adapter: int) -> set[int]:
        return {p for p, other in enumerate(self.world.workload.program["adapter"]) if other == adapter}

    def nearest(self, programs: set[int]) -> float:
        orchestrator = self.world.orchestrator
        distances = [self.world.societies.distance(orchestrator.programs[program]) for program in programs]
        return min(distances, default=math.inf)

    def distance_of_segment(self, pool: KVPool, segment: int) -> float:
        owners = self.of_segment(segment)
        if owners:
            return self.nearest(owners)
        users = pool.facts[segment].programs
        return 0.0 if users and self.is_active(users[-1]) else math.inf

    def is_active(self, program: int) -> bool:
        """Whether a turn of a program is in the cluster; the one that has made it fail has not come so far."""
        live = self.world.orchestrator.programs[program].live
        return any(any(self.world.router.possible(turn)) for turn in live)

    def distance_of_adapter(self, adapter: int) -> float:
        return self.nearest(self.of_adapter(adapter))
