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


def queued_tokens(instance: Instance) -> int:
    return sum(turn.target for turn in instance.waiting)


def window(instance: Instance, share: float) -> int:
    """As many of the queue as have room in a share of HBM, by their mean context."""
    tokens = queued_tokens(instance)
    room = share * instance.pool.capacity * instance.block_size
    return int(room * len(instance.waiting) / tokens) if tokens else 0


def look_ahead(prefetcher: Prefetcher, instance: Instance) -> Turn | None:
    return first_waiting(prefetcher, instance, window(instance, prefetcher.rule.parameters["share"]))


def first_lacking(prefetcher: Prefetcher, instance: Instance) -> Turn | None:
    """The first of those who have room in HBM for whom something could come up, with or without room for that."""
    ready = instance.ready[: window(instance, 1.0)]
    return next((turn for turn in ready if not turn.handed and prefetcher.lacks(instance, turn)), None)


def fill_memory(instance: Instance) -> bool:
    """Whether those who wait have longer contexts than HBM has room for."""
    return queued_tokens(instance) > instance.pool.capacity * instance.block_size


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


def distance(prefetcher: Prefetcher, turn: Turn) -> float:
    return prefetcher.world.societies.distance(prefetcher.world.orchestrator.program(turn))


def nearest(prefetcher: Prefetcher, instance: Instance) -> Turn | None:
    """Of those who act and lack something the nearest, if it is to be called soon.

    Of equals a member of a society goes before others, the first society's before the second's, and in a society who
    was expected in an earlier step, then who said so first; of the others whose gap has begun first.
    """
    societies = prefetcher.world.societies
    lacking = [
        turn
        for home, turn in prefetcher.acting.values()
        if home == instance.number
        and distance(prefetcher, turn) <= prefetcher.rule.parameters["load_ahead"]
        and prefetcher.lacks(instance, turn)
    ]
    first: list[Turn] = []
    for society in societies.societies:
        members = [turn for turn in lacking if societies.of(turn.program) is society]
        listed = [turn for turn in members if societies.announced[turn.program] < society.n_steps]
        first += sorted(listed, key=lambda turn: societies.places[turn.program])[:1]
    others = [turn for turn in lacking if societies.of(turn.program) is None]
    return min(first + others, key=lambda turn: distance(prefetcher, turn), default=None)


def waiting_or_nearest(prefetcher: Prefetcher, instance: Instance) -> Turn | None:
    """Who waits and lacks something, else the nearest, unless those who wait need all of HBM; nobody without room."""
    turn = first_lacking(prefetcher, instance)
    if turn is None and not fill_memory(instance):
        turn = nearest(prefetcher, instance)
    return turn if turn is not None and prefetcher.can_bring(instance, turn) else None


def scalesim(prefetcher: Prefetcher, instance: Instance) -> Turn | None:
    """Who waits, then the nearest, if only who is further goes for it."""
    turn, owners = waiting_or_nearest(prefetcher, instance), prefetcher.world.owners
    if turn is None or not turn.has_ended:
        return turn
    mine = distance(prefetcher, turn)

    def further(kind: str, number: int) -> bool:
        if kind == "adapter":
            return owners.distance_of_adapter(number) > mine
        return owners.distance_of_segment(instance.pool, number) > mine

    return turn if has_room(prefetcher, instance, turn, further) else None


def kvflow(prefetcher: Prefetcher, instance: Instance) -> Turn | None:
    """Who waits, then the nearest, whoever goes for it."""
    return waiting_or_nearest(prefetcher, instance)


def oracle_next_use(prefetcher: Prefetcher, instance: Instance) -> Turn | None:
    """Who waits, then who is needed next of those for whom only goes what is needed later."""
    waiting, look = on_return(prefetcher, instance), Look(instance.pool, instance, {})
    if waiting is not None:
        return waiting

    def use_s(turn: Turn) -> float:
        return next_turn_s(look, prefetcher.world.orchestrator.program(turn))

    def room(turn: Turn) -> bool:
        def later(kind: str, number: int) -> bool:
            due_s = adapter_use_s(look, number) if kind == "adapter" else next_use_s(look, number)
            return due_s > use_s(turn)

        return has_room(prefetcher, instance, turn, later)

    acting = [turn for home, turn in prefetcher.acting.values() if home == instance.number]
    found = [turn for turn in acting if prefetcher.can_bring(instance, turn) and room(turn)]
    return min(found, key=use_s, default=None)


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
