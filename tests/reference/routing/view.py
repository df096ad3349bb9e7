"""What the router sees of the instances (semantics, "The view")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.reference.programs.turn import Turn
from tests.reference.residency.segments import matching

if TYPE_CHECKING:
    from tests.reference.batch.instance import Instance


@dataclass(frozen=True)
class Seen:
    """An instance at some moment.

    Attributes:
        waiting: Waiting turns, and `running` ones.
        outstanding_tokens: Targets of both.
        held_share: Share of its blocks that are in use or pinned.
        resident: Leading blocks that it holds of each segment.
        pending_tokens: Prefill tokens that it has yet to compute, of waiting turns as expected when they came.
        wanted_share: Share of its blocks that are in use or pinned, or that waiting turns will add as expected.
    """

    waiting: int
    running: int
    outstanding_tokens: int
    held_share: float
    resident: dict[int, int]
    pending_tokens: int
    wanted_share: float

    @classmethod
    def of(cls, instance: Instance) -> Seen:
        turns, pool = instance.waiting + instance.running, instance.pool
        return cls(
            len(instance.waiting),
            len(instance.running),
            sum(turn.target for turn in turns),
            pool.used / pool.capacity,
            dict(pool.resident),
            sum(turn.expected for turn in instance.waiting)
            + sum(turn.target - turn.computed for turn in instance.running),
            (pool.used + sum(turn.demand for turn in instance.waiting)) / pool.capacity,
        )


@dataclass(frozen=True)
class View:
    """What a rule sees.

    All instances, which of them are allowed, the home of the turn's program (-1 for none), how many turns have been
    routed before, where the last of them went (-1 for none), the tokens of a block, and
    the time.
    """

    instances: Sequence[Seen]
    allowed: Sequence[bool]
    home: int
    routed: int = 0
    last: int = -1
    block_size: int = 16
    now: float = 0.0

    @property
    def candidates(self) -> list[int]:
        return [i for i, allowed in enumerate(self.allowed) if allowed]

    def turns(self, i: int) -> int:
        """Waiting and running turns."""
        return self.instances[i].waiting + self.instances[i].running

    def cached(self, i: int, turn: Turn) -> int:
        """Tokens of a turn that need no prefill: found there, or brought along from where it was prefilled."""
        most = (turn.target - 1) // self.block_size
        found = most if turn.handed else min(matching(self.instances[i].resident, turn.path), most)
        return found * self.block_size

    def uncached(self, i: int, turn: Turn) -> int:
        """Tokens that need one."""
        return turn.target - self.cached(i, turn)
