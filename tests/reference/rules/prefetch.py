"""Rules of `prefetch_kv` in plain Python (semantics, "Prefetch"): whose context an instance brings up, or nobody's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.reference.programs.history import Gaps
from tests.reference.programs.turn import Turn

if TYPE_CHECKING:
    from tests.reference.batch.instance import Instance
    from tests.reference.loads.prefetcher import Prefetcher

Prefetch = Callable[["Prefetcher", "Instance"], Turn | None]
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


PREFETCHES: dict[str, Prefetch] = {
    "none": none,
    "on_return": on_return,
    "look_ahead": look_ahead,
    "predicted_return": predicted_return,
    "saga_margin": saga_margin,
    "oracle_return": oracle_return,
}
