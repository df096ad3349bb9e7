"""Rules of `prefetch_kv` in plain Python (semantics, "Prefetch"): whose context an instance brings up, or nobody's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.reference.programs.history import Gaps
from tests.reference.programs.turn import Turn
from tests.reference.rules.eviction import Look, adapter_use_s, next_turn_s, next_use_s

if TYPE_CHECKING:
    from tests.reference.batch.instance import Instance
    from tests.reference.loads.prefetcher import Prefetcher

Prefetch = Callable[["Prefetcher", "Instance"], Turn | None]
HasRoom = Callable[[Turn], bool]
Further = Callable[[str, int], bool]
ReturnOf = Callable[["Prefetcher", Turn], float | None]


def none(prefetcher: Prefetcher, instance: Instance) -> Turn | None:
    return None


# Who waits.


def first_waiting(prefetcher: Prefetcher, instance: Instance, window: int) -> Turn | None:
    """The first of so many at the head of the queue for whom something can be brought up."""
    ready = instance.ready[:window]
    return next((turn for turn in ready if not turn.handed and prefetcher.can_bring(instance, turn)), None)


def on_return(prefetcher: Prefetcher, instance: Instance) -> Turn | None:
    return first_waiting(prefetcher, instance, len(instance.ready))


def look_ahead(prefetcher: Prefetcher, instance: Instance) -> Turn | None:
    """As many of the queue as have room in HBM, by their mean context."""
    tokens = sum(turn.target for turn in instance.waiting)
    if not tokens:
        return None
    share = prefetcher.rule.parameters["share"] * instance.pool.capacity * instance.block_size
    return first_waiting(prefetcher, instance, int(share * len(instance.waiting) / tokens))


# Who will return.


def by_return(return_s: ReturnOf) -> Prefetch:
    """Who waits, then who is predicted to return when the context could just be there."""

    def rule(prefetcher: Prefetcher, instance: Instance) -> Turn | None:
        waiting = on_return(prefetcher, instance)
        if waiting is not None:
            return waiting
        for home, turn in prefetcher.acting.values():
            back_s = return_s(prefetcher, turn) if home == instance.number else None
            if back_s is None:
                continue
            start_s = back_s - prefetcher.longest_s(instance, turn) - prefetcher.rule.parameters["margin_s"]
            if prefetcher.world.now >= start_s and prefetcher.can_bring(instance, turn):
                return turn
        return None

    return rule


def gaps_of(prefetcher: Prefetcher, turn: Turn) -> Gaps | None:
    """Gaps of the tool that is to be expected first, of all tools if it is new."""
    history, tools = prefetcher.world.history, prefetcher.world.orchestrator.tools_called(turn)
    if not tools or not history.everything.seconds:
        return None
    first = history.of(min(tools, key=lambda tool: history.mean_gap_s(tool) or 0.0))
    return first if first.seconds else history.everything


@by_return
def predicted_return(prefetcher: Prefetcher, turn: Turn) -> float | None:
    gaps = gaps_of(prefetcher, turn)
    if gaps is None:
        return None
    return turn.end_s + (gaps.average(0.2) if prefetcher.rule.parameters["ema"] > 0 else gaps.mean_s)


@by_return
def saga_margin(prefetcher: Prefetcher, turn: Turn) -> float | None:
    gaps = gaps_of(prefetcher, turn)
    if gaps is None:
        return None
    mean, variance = gaps.log_normal()
    return turn.end_s + math.exp(mean + prefetcher.rule.parameters["deviations"] * math.sqrt(variance))


@by_return
def oracle_return(prefetcher: Prefetcher, turn: Turn) -> float | None:
    orchestrator = prefetcher.world.orchestrator
    calls = [orchestrator.attempts_s(edge) for edge in orchestrator.edges(turn)]
    return turn.end_s + min(calls) + prefetcher.world.frontend_s if calls else None


# Who is nearest.


def nearest(prefetcher: Prefetcher, instance: Instance, far: Callable[[Turn], float], has_room: HasRoom) -> Turn | None:
    """Who waits, then of those who act the nearest that finds room."""
    waiting = on_return(prefetcher, instance)
    if waiting is not None:
        return waiting
    acting = [turn for home, turn in prefetcher.acting.values() if home == instance.number]
    found = [turn for turn in acting if prefetcher.can_bring(instance, turn) and has_room(turn)]
    return min((turn for turn in found if far(turn) < math.inf), key=far, default=None)


def has_room(prefetcher: Prefetcher, instance: Instance, turn: Turn, further: Further) -> bool:
    """Whether what is free, and what is further than a turn, is enough for what it needs."""
    plan = prefetcher.plan(instance, turn)
    assert plan is not None
    match, end = plan
    adapter = instance.adapter_of(turn.program)
    victim = instance.adapters.victim if instance.adapters.lacks(adapter) else None
    if victim is not None and not further("adapter", victim):
        return False
    pool = instance.pool
    idle = sum(pool.resident[segment] for segment in pool.evictable if further("segment", segment))
    return end - match <= pool.free + idle


def within(prefetcher: Prefetcher) -> Callable[[Turn], float]:
    """Distance of the program of a turn; infinite if it is further than the rule looks."""

    def far(turn: Turn) -> float:
        distance = prefetcher.world.societies.distance(prefetcher.world.orchestrator.program(turn))
        return distance if distance <= prefetcher.rule.parameters["load_ahead"] else math.inf

    return far


def scalesim(prefetcher: Prefetcher, instance: Instance) -> Turn | None:
    far, owners = within(prefetcher), prefetcher.world.owners

    def room(turn: Turn) -> bool:
        def further(kind: str, number: int) -> bool:
            of_adapter = kind == "adapter"
            distance = (
                owners.distance_of_adapter(number) if of_adapter else owners.distance_of_segment(instance.pool, number)
            )
            return distance > far(turn)

        return has_room(prefetcher, instance, turn, further)

    return nearest(prefetcher, instance, far, room)


def kvflow(prefetcher: Prefetcher, instance: Instance) -> Turn | None:
    return nearest(prefetcher, instance, within(prefetcher), lambda turn: True)


def oracle_next_use(prefetcher: Prefetcher, instance: Instance) -> Turn | None:
    look = Look(instance.pool, instance, {})

    def use_s(turn: Turn) -> float:
        return next_turn_s(look, prefetcher.world.orchestrator.program(turn))

    def room(turn: Turn) -> bool:
        def later(kind: str, number: int) -> bool:
            due_s = adapter_use_s(look, number) if kind == "adapter" else next_use_s(look, number)
            return due_s > use_s(turn)

        return has_room(prefetcher, instance, turn, later)

    return nearest(prefetcher, instance, use_s, room)


BY_DISTANCE = (scalesim, kvflow, oracle_next_use)
"""Rules that know what of a context is used again."""

PREFETCHES: dict[str, Prefetch] = {
    "none": none,
    "on_return": on_return,
    "look_ahead": look_ahead,
    "predicted_return": predicted_return,
    "saga_margin": saga_margin,
    "scalesim": scalesim,
    "kvflow": kvflow,
    "oracle_return": oracle_return,
    "oracle_next_use": oracle_next_use,
}
