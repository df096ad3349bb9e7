"""The two lanes of an instance: the prefill lane, and what each has of the GPU (semantics, "Two lanes")."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from tests.reference.batch.iteration_time import Line, iteration_time
from tests.reference.batch.step import Step
from tests.reference.description import Profile
from tests.reference.events import Kind
from tests.reference.programs.turn import Turn
from tests.reference.residency.segments import blocks_for

if TYPE_CHECKING:
    from tests.reference.batch.instance import Instance

MEASURED = (0.0, 0.10, 0.21, 0.34, 0.44, 0.53, 0.63, 0.72, 0.83, 0.91, 1.0)
"""Throughput of prefills on 0 %, 10 % ... 100 % of the SMs."""

R, P = 2.5 / 10.3, 5.0
"""SM-limited part of a decode step over its memory floor, and the exponent of their smooth maximum."""

DECODE_DEMAND, SATURATING_TOKENS = 0.4, 512.0
"""What decodes could fill of the SMs, and tokens of a chunk that fill all."""


class PrefillLane:
    """One prompt at a time, chunk after chunk, beside the decodes of its instance.

    Attributes:
        turn: Whose prompt; None if the lane is idle.
        chunk_s: Time of its iteration on all SMs.
        left_s: What was left of that at `since_s`, from when on it has been computed at `speed`.
        began_s: When its iteration began.
        budget: Longest resume prefill that joins the decode lane, and `least_share` what that lane has at least.
        seen_s: Time and `seen_steps` iterations of the decode lane when the instance was last asked about.
        decode_share: Share of the SMs that the decode lane is bound to, and `prefill_share` the prefill lane.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.spec = instance.spec.lanes
        self.budget = self.spec.prefill_budget_tokens
        self.least_share = self.spec.decode_share
        self.turn: Turn | None = None
        self.chunk_s = self.left_s = self.since_s = self.speed = self.began_s = 0.0
        self.decode_share = self.prefill_share = 1.0
        self.busy_s = 0.0
        self.iterations = 0
        self.merged_prefills = 0
        self.rebinds = 0
        self.budget_changes = 0
        self.seen_s, self.seen_steps = 0.0, 0

    def copy(self, instance: Instance, twins: dict[int, Turn]) -> PrefillLane:
        """The same for a copy of the instance, in which turns have twins."""
        other = copy.copy(self)
        other.instance = instance
        other.turn = None if self.turn is None else twins[self.turn.id]
        return other

    @property
    def decode_slot(self) -> int:
        """Slot of the decode lane while both work."""
        return self.spec.slot_for(self.least_share)

    # Who goes where.

    def merges(self, turn: Turn) -> bool:
        """Whether a waiting turn is a resume prefill within the budget."""
        uncached = turn.target - self.instance.hit(turn)
        roots = self.instance.world.workload.turn["n_parents"] == 0
        cold = uncached == turn.target or (bool(roots[turn.id]) and turn.scheduled_s != turn.scheduled_s)
        return uncached <= self.budget and not cold

    def take(self, turn: Turn) -> None:
        """A turn that has joined the batch is prefilled here; all its blocks are its own from now on."""
        self.turn = turn
        needed = self.missing_blocks(turn)
        self.instance.pool.make_room(needed)
        self.instance.own(turn, needed)

    def missing_blocks(self, turn: Turn) -> int:
        return max(0, blocks_for(turn.target, self.instance.block_size) - self.instance.match(turn))

    # Iterations.

    def begin_chunk(self) -> None:
        """The next chunk, if one is to begin."""
        turn = self.turn
        if turn is None or turn.in_flight:
            return
        turn.in_flight = min(turn.target - turn.computed, self.instance.spec.max_num_batched_tokens)
        line = iteration_time(self.instance.spec.profile, [], [(turn.in_flight, turn.computed)])
        self.chunk_s = self.left_s = line.seconds
        self.speed = 0.0
        turn.computed += turn.in_flight
        turn.computed_tokens += turn.in_flight
        self.instance.prefill_tokens += turn.in_flight
        self.iterations += 1

    def set_time(self) -> None:
        """Say when the iteration in flight ends: for the first time, or again if the lane has another share now."""
        if self.turn is None:
            return
        world, number = self.instance.world, self.instance.number
        share = self.share_of_prefill()
        begins = self.speed == 0.0
        if begins:
            self.since_s, self.instance.owed_s = world.now + self.instance.owed_s, 0.0
        elif share == self.prefill_share:
            return
        else:
            world.events.cancel(Kind.PREFILL_END, number)
            self.left_s = max(0.0, self.left_s - max(0.0, world.now - self.since_s) * self.speed)
            self.since_s = max(world.now, self.since_s)
        if share != self.prefill_share:
            self.prefill_share = share
            if self.spec.partition:
                self.since_s += self.spec.rebind_s
                self.rebinds += 1
        if begins:
            self.began_s = self.since_s
        self.speed = throughput(share)
        world.events.push(self.since_s + self.left_s / self.speed, Kind.PREFILL_END, number)

    def finish_chunk(self) -> Turn | None:
        """What is computed is there for others; the turn whose prefill has ended, if it has."""
        turn, instance = self.turn, self.instance
        assert turn is not None
        self.busy_s += instance.world.now - self.began_s
        turn.in_flight = 0
        instance.own(turn, -turn.owned)
        instance.publish(turn, turn.computed)
        if turn.computed < turn.target:
            instance.look_up(turn)
        instance.own(turn, self.missing_blocks(turn))
        if turn.computed < turn.target:
            return None
        self.turn = None
        return turn

    def drop(self, turn: Turn) -> None:
        """A turn leaves the batch: if it is prefilled here, the chunk in flight is lost."""
        if turn is not self.turn:
            return
        self.turn = None
        if turn.in_flight and not self.instance.is_trial:
            self.instance.world.events.cancel(Kind.PREFILL_END, self.instance.number)
            self.busy_s += max(0.0, self.instance.world.now - self.began_s)

    # Shares of the GPU.

    def share_of_decode(self) -> float:
        """That of the decode lane, if it works."""
        if self.spec.partition:
            whole = self.turn is None and self.spec.work_conserving
            return 1.0 if whole else self.decode_slot / self.spec.slots
        return 1.0 if self.turn is None else DECODE_DEMAND / (DECODE_DEMAND + self.demand())

    def share_of_prefill(self) -> float:
        """That of the prefill lane, if it works."""
        alone = self.instance.step is None
        if self.spec.partition:
            whole = alone and self.spec.work_conserving
            return 1.0 if whole else (self.spec.slots - self.decode_slot) / self.spec.slots
        return 1.0 if alone else self.demand() / (DECODE_DEMAND + self.demand())

    def demand(self) -> float:
        """Share of the SMs that the chunk in flight could fill."""
        assert self.turn is not None
        return min(1.0, self.turn.in_flight / SATURATING_TOKENS)

    def bind_decodes(self) -> float:
        """The decode lane begins a run on its share; the time that it takes to bind it to that."""
        share = self.share_of_decode()
        if share == self.decode_share:
            return 0.0
        self.decode_share = share
        self.rebinds += self.spec.partition
        return self.spec.rebind_s if self.spec.partition else 0.0

    def slow_down(self, step: Step, line: Line) -> Line:
        """An iteration of the decode lane, as long as it takes on its share beside the other lane."""
        share, seconds, growth_s = self.share_of_decode(), line.seconds, line.growth_s
        floor_s, token_s = dense(self.instance.spec.profile)
        if share < 1.0:
            slower = ((1.0 + (R / share) ** P) / (1.0 + R**P)) ** (1.0 / P)
            compute_s = token_s * sum(chunk for _, chunk, _ in step.prefills)
            seconds = slower * seconds + compute_s * (1.0 / throughput(share) - 1.0)
            growth_s *= slower
        if self.turn is not None:
            bandwidth = min(1.0, floor_s * throughput(self.share_of_prefill()) / self.chunk_s)
            slower = 1.0 + self.spec.interference * bandwidth
            seconds, growth_s = slower * seconds, slower * growth_s
        return line._replace(seconds=seconds, growth_s=growth_s)


def throughput(share: float) -> float:
    """Linear between the measured shares."""
    at = share * (len(MEASURED) - 1)
    k = min(int(at), len(MEASURED) - 2)
    return MEASURED[k] + (MEASURED[k + 1] - MEASURED[k]) * (at - k)


def dense(profile: Profile) -> tuple[float, float]:
    """Time of one token in dense layers, and the compute of a token: what one adds at the end of the table."""
    tokens, seconds = profile.dense_tokens, profile.dense_s
    token_s = (seconds[-1] - seconds[-2]) / (tokens[-1] - tokens[-2]) if len(tokens) > 1 else 0.0
    return seconds[0], max(0.0, token_s)
