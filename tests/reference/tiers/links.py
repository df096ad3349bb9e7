"""Links between memories, and what moves on them (semantics, "Tiers and links")."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.reference.description import TierSpec
from tests.reference.events import Events, Kind
from tests.reference.residency.segments import Path
from tests.reference.tiers.shelf import Shelf

if TYPE_CHECKING:
    from tests.reference.loads.loads import Load

DEMAND, AHEAD, BEHIND = range(3)
"""Urgency: somebody waits for it, it is brought up ahead of its use, it goes down."""

Source = tuple[str, int]
"""("hbm", instance) or ("dram", pool)."""


@dataclass(eq=False)
class Transfer:
    """Blocks `first` to `end` of a path on a link; `missing` of them move.

    Attributes:
        source: Where a copy comes from, or whom a load reads that has no shelf.
        shelf: The lower pool that it fills, or that a load reads; None for the HBM of another instance.
        held: What it locks in HBM at its source.
        load: The load that it is a part of; None for a copy that goes down.
        staged: It has left its source, and stands in the staging buffer.
        demotes: Its source gives it up when it has arrived.
    """

    source: Source
    shelf: Shelf | None
    path: Path
    first: int
    end: int
    missing: int
    urgency: int = BEHIND
    held: list[int] = field(default_factory=list)
    load: Load | None = None
    staged: bool = False
    demotes: bool = False
    done: bool = False
    void: bool = False

    @property
    def peer(self) -> int | None:
        """The instance whose HBM a load reads."""
        return self.source[1] if self.shelf is None else None


class Link:
    """One direction between two memories: a transfer at a time, the others wait in order."""

    def __init__(self, number: int, bytes_per_s: float, tier: TierSpec, block_bytes: float, events: Events) -> None:
        self.number = number
        self.bytes_per_s = bytes_per_s
        self.tier = tier
        self.block_bytes = block_bytes
        self.events = events
        self.queue: list[Transfer] = []
        self.asked_blocks = 0
        self.moved_blocks = 0

    def add(self, transfer: Transfer, now: float) -> None:
        self.asked_blocks += transfer.missing
        self.insert(transfer)
        if len(self.queue) == 1:
            self.begin(now)

    def insert(self, transfer: Transfer) -> None:
        at = len(self.queue)
        if self.tier.queue == "priority":
            # The first one is on the link.
            while at > 1 and self.queue[at - 1].urgency > transfer.urgency:
                at -= 1
        self.queue.insert(at, transfer)

    def hasten(self, transfer: Transfer) -> None:
        """It is wanted now, if it still waits."""
        if transfer.urgency == DEMAND:
            return
        transfer.urgency = DEMAND
        if self.tier.queue == "priority" and transfer in self.queue[1:]:
            self.queue.remove(transfer)
            self.insert(transfer)

    def begin(self, now: float) -> None:
        self.events.push(now + self.seconds(self.queue[0].missing), Kind.TRANSFER_END, self.number)

    def seconds(self, blocks: int) -> float:
        """Time to move blocks, without a queue."""
        return self.tier.latency_s + blocks * self.block_bytes / self.bytes_per_s

    def end(self, now: float) -> Transfer:
        """The transfer that has ended; the next one begins."""
        ended = self.queue.pop(0)
        self.moved_blocks += ended.missing
        if self.queue:
            self.begin(now)
        return ended

    def pass_at_once(self, transfer: Transfer) -> float:
        """A transfer that is serialized does not queue; how long it takes."""
        self.asked_blocks += transfer.missing
        self.moved_blocks += transfer.missing
        return self.seconds(transfer.missing)
