"""Rules of `retain_kv` in plain Python; docs/residency.md has the formulas."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.reference.batch.prefill_time import chunk_s, prefill_s
from tests.reference.programs.history import Gaps, History
from tests.reference.programs.turn import Turn
from tests.reference.residency.segments import blocks_for
from tests.reference.rules.rule import Parameters

if TYPE_CHECKING:
    from tests.reference.batch.instance import Instance
    from tests.reference.tiers.topology import Way
    from tests.reference.world import World


@dataclass(frozen=True)
class Leave:
    """Nothing is done."""


@dataclass(frozen=True)
class Drop:
    """It is given up."""


@dataclass(frozen=True)
class First:
    """It is the first to go when memory is needed."""


@dataclass(frozen=True)
class Keep:
    """It is pinned; for no time at all it is left."""

    seconds: float


@dataclass(frozen=True)
class Move:
    """It is moved to a tier below, "dram" or "cxl"."""

    kind: str


Answer = Leave | Drop | First | Keep | Move


@dataclass
class Look:
    """What a rule sees: the turn that has ended, and where; all else that is known; and its parameters."""

    world: World
    turn: Turn
    instance: Instance
    parameters: Parameters

    @property
    def history(self) -> History:
        return self.world.history

    @property
    def tokens(self) -> int:
        return self.turn.prompt + self.turn.output

    @property
    def tool(self) -> int:
        """Of the tools called that with the smallest mean gap."""
        tools = self.world.orchestrator.tools_called(self.turn)
        means = [self.history.mean_gap_s(tool) for tool in tools]
        return min(zip(tools, means, strict=True), key=lambda pair: -1.0 if pair[1] is None else pair[1])[0]

    @property
    def gaps(self) -> Gaps | None:
        """Those of the tool, of all tools if it is new, None if there are none."""
        gaps = self.history.of(self.tool)
        gaps = gaps if gaps.seconds else self.history.everything
        return gaps if gaps.seconds else None

    @property
    def below(self) -> tuple[str, Way] | None:
        """The first tier below to which something can be moved, and the way there."""
        kind = self.world.topology.first_below(self.instance.number)
        return None if kind is None else (kind, self.world.topology.ways["hbm", self.instance.number, kind])


Retain = Callable[[Look], Answer]


def leave(look: Look) -> Answer:
    return Leave()


def evict_always(look: Look) -> Answer:
    return Drop()


def swap(look: Look) -> Answer:
    return Leave() if look.below is None else Move(look.below[0])


def ttl(look: Look) -> Answer:
    return Keep(look.parameters["tau_s"])


def continuum(look: Look) -> Answer:
    everything, tool = look.history.everything, look.history.of(look.tool)
    wait_s, reload_s = look.history.mean_wait_s, prefill_s(look.instance.spec, look.tokens, 0)
    if len(everything.seconds) < look.parameters["samples"]:
        mean_s = everything.mean_s if everything.seconds else look.parameters["first_gap_s"]
        benefit_s = wait_s + reload_s
        return Keep(mean_s * math.log(benefit_s / mean_s) if benefit_s > mean_s > 0 else 0.0)
    gaps = tool if len(tool.seconds) > look.parameters["samples"] else everything
    benefit_s = wait_s * look.history.memoryfulness + reload_s
    worth_s = {tau_s: gaps.share_within(tau_s) * benefit_s - tau_s for tau_s in (0.0, *gaps.last)}
    return Keep(min(worth_s, key=lambda tau_s: (-worth_s[tau_s], tau_s)))


def continuum_released(look: Look) -> Answer:
    gaps = look.history.of(look.tool)
    slow = bool(gaps.seconds) and gaps.mean_s > look.parameters["slow_s"]
    return Leave() if slow else Keep(look.parameters["tau_s"])


def saga_ttl(look: Look) -> Answer:
    if look.gaps is None:
        return Leave()
    p, pool = look.parameters, look.instance.pool
    mean, variance = look.gaps.log_normal()
    tau_s = min(math.exp(mean + p["deviations"] * math.sqrt(variance)), p["most_s"])
    over = (pool.used / pool.capacity - p["low_pressure"]) / (p["high_pressure"] - p["low_pressure"])
    return Keep(tau_s * (1.0 - p["shrink"] * max(0.0, min(1.0, over))))


def tool_ttl(look: Look) -> Answer:
    gaps, quantile = look.gaps, look.parameters["quantile"]
    if gaps is None:
        return Leave()
    if quantile == 0:
        return Keep(gaps.mean_s)
    return Keep(min(tau_s for tau_s in gaps.last if gaps.share_within(tau_s) >= quantile))


def gate(look: Look) -> Answer:
    slow = look.history.of(look.tool).average(0.2) > look.parameters["slow_s"]
    return Leave() if slow else Keep(look.parameters["tau_s"])


def discard_waste(look: Look) -> float:
    """Token-seconds to compute the context again in chunks, each chunk held while those behind it are computed."""
    spec, running = look.instance.spec, look.instance.running
    most = spec.max_num_batched_tokens
    saturation = min(int(look.parameters["saturation_tokens"]) or most, most)
    one_s, full_s = chunk_s(spec, 1, 0), chunk_s(spec, saturation, 0)
    per_token_s = (full_s - one_s) / max(1, saturation - 1)
    fixed_s = one_s - per_token_s
    chunk = max(saturation - sum(turn.decoding for turn in running), 1)
    n = -(-look.tokens // chunk) - 1
    last = look.tokens - n * chunk
    in_flight = 0 if look.instance.step is None else len(look.instance.step.decodes)
    others = sum(turn.kv_tokens + turn.in_flight for turn in running) + in_flight
    held = (per_token_s * saturation + fixed_s) * (1 + n) * n / 2 * chunk
    return held + per_token_s * chunk * n * others + per_token_s * last * others


def round_trip_s(look: Look, way: Way) -> float:
    """Time to move the context down and up."""
    blocks = (look.tokens - 1) // look.instance.block_size
    links = [link for link in (way.down, way.up) if link is not None]
    return sum(link.seconds(blocks) if link.bytes_per_s else math.inf for link in links)


def has_budget(look: Look, way: Way) -> bool:
    """Whether no more than an iteration's worth is on the link down."""
    spec, down = look.instance.spec, way.down
    most = spec.max_num_batched_tokens
    saturation = min(int(look.parameters["saturation_tokens"]) or most, most)
    queued_s = sum(transfer.missing for transfer in down.queue) * down.block_bytes / down.bytes_per_s
    return queued_s <= chunk_s(spec, saturation, 0)


def infercept(look: Look) -> Answer:
    gap_s = look.world.now - look.turn.end_s
    if gap_s > 0 and look.below is not None and has_budget(look, look.below[1]):
        return Move(look.below[0])
    discarded = discard_waste(look)
    return Keep(discarded / look.tokens - gap_s) if look.tokens * gap_s < discarded else First()


def tokencake(look: Look) -> Answer:
    """Moved down if there is room, the tool is slow, memory is in use, and somebody who waits would fit."""
    instance, pool, p = look.instance, look.instance.pool, look.parameters
    blocks = (look.tokens - 1) // instance.block_size
    if look.below is None or look.gaps is None:
        return Leave()
    kind, way = look.below
    if way.shelf.free + way.shelf.idle < blocks:
        return Leave()
    stall_s = 0.5 * look.gaps.mean_s + 0.5 * look.gaps.average(0.5)
    idle = pool.idle_on(look.turn.path, blocks)

    def fits(turn: Turn) -> bool:
        return blocks_for(turn.target, instance.block_size) - instance.match(turn) <= pool.free + idle

    slow = stall_s > p["window_ratio"] * round_trip_s(look, way)
    in_use = pool.used + idle >= p["usage"] * pool.capacity
    return Move(kind) if slow and in_use and any(map(fits, instance.ready)) else Leave()


def pensieve(look: Look) -> Answer:
    pool = look.instance.pool
    low = pool.free < look.parameters["low_water"] * pool.capacity
    return Move(look.below[0]) if look.below is not None and low else Leave()


def oracle_gap(look: Look) -> Answer:
    orchestrator = look.world.orchestrator
    gap_s = min(orchestrator.attempts_s(edge) for edge in orchestrator.edges(look.turn))
    if look.tokens * gap_s >= discard_waste(look):
        return First()
    return Keep(gap_s + look.world.frontend_s + look.parameters["margin_s"])


RETENTIONS: dict[str, Retain] = {
    "leave": leave,
    "evict_always": evict_always,
    "swap": swap,
    "ttl": ttl,
    "continuum": continuum,
    "continuum_released": continuum_released,
    "saga_ttl": saga_ttl,
    "tool_ttl": tool_ttl,
    "gate": gate,
    "infercept": infercept,
    "tokencake": tokencake,
    "pensieve": pensieve,
    "oracle_gap": oracle_gap,
}

ASKED_AGAIN = (infercept,)
"""Rules that are asked again about what they keep pinned."""
