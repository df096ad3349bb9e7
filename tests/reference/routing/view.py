"""What the router sees of the instances (semantics, "The view")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    """

    waiting: int
    running: int
    outstanding_tokens: int
    held_share: float
    resident: dict[int, int]

    @classmethod
    def of(cls, instance: Instance) -> Seen:
        turns, pool = instance.waiting + instance.running, instance.pool
        return cls(
            len(instance.waiting),
            len(instance.running),
            sum(turn.target for turn in turns),
            pool.used / pool.capacity,
            dict(pool.resident),
        )


@dataclass(frozen=True)
class View:
    """What a rule sees.

    All instances, which of them are allowed, the home of the turn's program (-1 for none), how many turns have been
    routed before, and where the last of them went (-1 for none).
    """

    instances: Sequence[Seen]
    allowed: Sequence[bool]
    home: int
    routed: int = 0
    last: int = -1

    @property
    def candidates(self) -> list[int]:
        return [i for i, allowed in enumerate(self.allowed) if allowed]

    def turns(self, i: int) -> int:
        """Waiting and running turns."""
        return self.instances[i].waiting + self.instances[i].running
