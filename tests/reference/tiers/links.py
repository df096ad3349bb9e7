"""Links between memories, and what moves on them (semantics, "Tiers and links")."""

from __future__ import annotations

import math
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
        adapter_blocks: It moves an adapter of this size.
        distance: Of what is brought up ahead of its use: invocation distance of its subject.
    """

    source: Source
    shelf: Shelf | None
    path: Path
    first: int
    end: int
    missing: int
    urgency: int = BEHIND
    adapter_blocks: float = 0.0
    distance: float = 0.0
    held: list[int] = field(default_factory=list)
    load: Load | None = None
    staged: bool = False
    demotes: bool = False
    done: bool = False
    void: bool = False

    @property
    def size(self) -> float:
        """What it moves, in blocks."""
        return self.missing + self.adapter_blocks

    @property
    def peer(self) -> int | None:
        """The instance whose HBM a load reads."""
        return self.source[1] if self.shelf is None else None


class Link:
    """One direction between two memories: a transfer at a time, the others wait in order.

    Attributes:
        queue: The first one is on the link.
        begun_s: Since when.
        stops_after: Layers after which it gives way to another; None if it does not.
    """

    def __init__(self, number: int, bytes_per_s: float, tier: TierSpec, block_bytes: float, events: Events) -> None:
        self.number = number
        self.bytes_per_s = bytes_per_s
        self.tier = tier
        self.block_bytes = block_bytes
        self.events = events
        self.queue: list[Transfer] = []
        self.begun_s = 0.0
        self.stops_after: int | None = None
        self.asked_blocks = 0
        self.moved_blocks = 0

    def add(self, transfer: Transfer, now: float) -> None:
        self.asked_blocks += transfer.missing
        self.insert(transfer, now)
        if len(self.queue) == 1:
            self.begin(now)

    def insert(self, transfer: Transfer, now: float) -> None:
        at = len(self.queue)
        while at > 1 and self.rank(self.queue[at - 1]) > self.rank(transfer):
            at -= 1
        self.queue.insert(at, transfer)
        if at > 0 and transfer.urgency == DEMAND:
            self.have_first_stop(now)

    def rank(self, transfer: Transfer) -> tuple[float, ...]:
        """The lowest is served first."""
        if self.tier.queue == "fifo":
            return ()
        nearest_first = self.tier.queue == "distance" and transfer.urgency == AHEAD
        return (transfer.urgency, transfer.distance if nearest_first else 0.0)

    def hasten(self, transfer: Transfer, now: float) -> None:
        """It is wanted now, if it still waits."""
        if transfer.urgency == DEMAND:
            return
        transfer.urgency = DEMAND
        if self.tier.queue != "fifo" and transfer in self.queue[1:]:
            self.queue.remove(transfer)
            self.insert(transfer, now)

    def begin(self, now: float) -> None:
        self.begun_s = now
        self.events.push(now + self.seconds(self.queue[0].size), Kind.TRANSFER_END, self.number)

    def seconds(self, blocks: float) -> float:
        """Time to move blocks, without a queue."""
        return self.tier.latency_s + blocks * self.block_bytes / self.bytes_per_s

    def end(self, now: float) -> Transfer:
        """The transfer that has ended; the next one begins."""
        ended = self.queue.pop(0)
        self.moved_blocks += ended.missing
        if self.queue:
            self.begin(now)
        return ended

    # What is brought up ahead of its use gives way to what is wanted now.

    def have_first_stop(self, now: float) -> None:
        """At the end of the layer in flight, unless that is the last one."""
        first, layers = self.queue[0], self.tier.interrupt_layers
        if layers == 0 or first.urgency != AHEAD or self.stops_after is not None:
            return
        layer_s = first.size * self.block_bytes / self.bytes_per_s / layers
        if layer_s == 0:
            return
        data_s = self.begun_s + self.tier.latency_s
        after = max(0, math.ceil((now - data_s) / layer_s))
        if data_s + after * layer_s < self.begun_s + self.seconds(first.size):
            self.stops_after = after
            self.events.cancel(Kind.TRANSFER_END, self.number)
            self.events.push(data_s + after * layer_s, Kind.TRANSFER_END, self.number)

    def go_on(self) -> None:
        """The first one is wanted itself by now, and does not stop."""
        self.stops_after = None
        end_s = self.begun_s + self.seconds(self.queue[0].size)
        self.events.push(end_s, Kind.TRANSFER_END, self.number)

    def stop(self, now: float) -> float:
        """The first one leaves, and the next one begins; how much of it has been moved, in blocks."""
        assert self.stops_after is not None
        moved_blocks = self.queue[0].size * self.stops_after / self.tier.interrupt_layers
        self.stops_after = None
        self.forget(self.queue[0])
        self.begin(now)
        return moved_blocks

    def forget(self, transfer: Transfer) -> None:
        """A transfer is not asked for any more."""
        self.queue.remove(transfer)
        self.asked_blocks -= transfer.missing

    def pass_at_once(self, transfer: Transfer) -> float:
        """A transfer that is serialized does not queue; how long it takes."""
        self.asked_blocks += transfer.missing
        self.moved_blocks += transfer.missing
        return self.seconds(transfer.size)
