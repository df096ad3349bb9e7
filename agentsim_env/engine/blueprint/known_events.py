"""What is known from the start to happen: starts of instances, their failures and returns, and the first ticks."""

from typing import NamedTuple

import numpy as np

from agentsim_env.engine.blueprint.blueprint import Blueprint
from agentsim_env.engine.blueprint.reserved import reserved
from agentsim_env.engine.blueprint.world import STEAL_PERIOD_S
from agentsim_env.engine.core import events
from agentsim_env.engine.core.state import EVENT
from agentsim_env.engine.entry import FAULTS_AT_ONCE
from agentsim_env.workload.faults import FAULT, Faults


class Known(NamedTuple):
    """Events that the heap begins with.

    Attributes:
        events: (time in seconds, kind, id) of each.
        n_faults: Failures and returns among them.
        faults_until_s: All failures and returns before this time are among them; inf if there are no others.
    """

    events: list[tuple[float, int, int]]
    n_faults: int
    faults_until_s: float


def known_events(blueprint: Blueprint, faults: np.ndarray | Faults | None) -> Known:
    """All events that are known at time 0; of faults that are drawn on demand, the first ones."""
    first = faults.part(0, FAULTS_AT_ONCE) if isinstance(faults, Faults) else faults
    first = np.zeros(0, FAULT) if first is None else first
    has_more = isinstance(faults, Faults) and len(first) == FAULTS_AT_ONCE
    known = [
        (engine.start_s, events.INSTANCE_UP, i) for i, engine in enumerate(blueprint.engines) if engine.start_s > 0
    ]
    for fault in first:
        kind = events.INSTANCE_UP if fault["up"] else events.INSTANCE_DOWN
        known.append((float(fault["time_s"]), kind, int(fault["instance"])))
    if blueprint.view_delay_s > 0:
        known.append((0.0, events.CONTROL_TICK, events.VIEW_TICK))
    if blueprint.row_of("route_turn").steals:
        known.append((STEAL_PERIOD_S, events.CONTROL_TICK, events.STEAL_TICK))
    return Known(known, len(first), float(first["time_s"][-1]) if has_more else np.inf)


def event_heap(known: Known, most_others: int) -> np.ndarray:
    """`EVENT` heap with what is known, and room for others; what is sorted is a heap."""
    heap = reserved(len(known.events) + most_others, EVENT)
    for at, (time_s, kind, number) in enumerate(sorted(known.events)):
        heap[at] = (time_s, kind << 32 | number)
    return heap
