"""The clock (semantics, "Time and events"): a heap of (time, kind, id)."""

import heapq
from enum import IntEnum

VIEW_TICK = 0
"""Id of the CONTROL_TICK at which the router sees the instances as they are."""

ADMISSION_TICK = 2
"""Id of the CONTROL_TICK at which held programs are asked for again."""

PREFETCH_TICK = 3
"""Id of the one at which instances are asked what to bring up."""

RETAIN_TICK = 4
"""Id of the one at which is asked again about what is pinned."""


BUDGET_TICK = 5
"""Id of the one at which budgets of instances with two lanes are set."""


class Kind(IntEnum):
    """Kinds of events, in the order in which they are handled at equal times."""

    INSTANCE_DOWN = 0
    INSTANCE_UP = 1
    PROGRAM_ARRIVAL = 2
    TOOL_END = 3
    TOOL_RETRY = 4
    EDGE_DONE = 5
    STEP_BEGIN = 6
    TURN_READY = 7
    CONTROL_TICK = 8
    TRANSFER_END = 9
    PIN_EXPIRY = 10
    PREFILL_END = 11
    ITERATION_END = 12
    # An iteration boundary inside a run is no event: all that happens at its time comes before it (see loop.py).
    QUIET_BOUNDARY = 13


class Events:
    """Pending events, first the earliest, then the smallest kind, then the smallest id."""

    def __init__(self) -> None:
        self.heap: list[tuple[float, Kind, int]] = []

    def push(self, time_s: float, kind: Kind, number: int) -> None:
        heapq.heappush(self.heap, (time_s, kind, number))

    def pop(self) -> tuple[float, Kind, int]:
        return heapq.heappop(self.heap)

    def more_to_come(self) -> bool:
        """Whether anything is left to happen besides ticks."""
        return any(kind != Kind.CONTROL_TICK for _, kind, _ in self.heap)

    def any_at(self, time_s: float) -> bool:
        return bool(self.heap) and self.heap[0][0] == time_s

    def cancel(self, kind: Kind, number: int) -> bool:
        """Remove the events of `kind` and id `number`; whether there was one."""
        kept = [event for event in self.heap if event[1:] != (kind, number)]
        found = len(kept) < len(self.heap)
        heapq.heapify(kept)
        self.heap = kept
        return found
