"""Budgets and shares, set at control ticks (`set_prefill_budget`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reference.batch.instance import Instance
from tests.reference.batch.prefill_lane import PrefillLane
from tests.reference.events import BUDGET_TICK, Kind
from tests.reference.rules.budget import Look, keep

if TYPE_CHECKING:
    from tests.reference.world import World


class PrefillBudgets:
    """Asks about each instance with two lanes that has work.

    Attributes:
        armed: A tick is due.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.rule = world.rules.set_prefill_budget
        self.armed = False

    def arm(self) -> None:
        """An instance has work: a tick is due, if anybody sets anything."""
        if self.rule.answer is not keep and not self.armed:
            self.armed = True
            period_s = self.rule.parameters["period_s"]
            self.world.events.push(self.world.now + period_s, Kind.CONTROL_TICK, BUDGET_TICK)

    def tick(self) -> None:
        """Ask about all that have work; they look at their queues when all have been asked about."""
        self.armed = False
        busy = [
            instance for instance in self.world.instances if instance.lane and (instance.running or instance.waiting)
        ]
        if not busy or not self.world.events.more_to_come():
            return
        self.arm()
        changed = [instance for instance in busy if instance.lane and self.set_budget(instance, instance.lane)]
        for instance in changed:
            if instance.waiting:
                self.world.iterations.look_again(instance.number)

    def set_budget(self, instance: Instance, lane: PrefillLane) -> bool:
        """Ask the rule about an instance; whether anything is different from now on."""
        steps = instance.iterations - (instance.step is not None)
        seconds, lane.seen_s = instance.busy_s - lane.seen_s, instance.busy_s
        n, lane.seen_steps = steps - lane.seen_steps, steps
        look = Look(
            instance.spec.profile, seconds / n if n else None, lane.least_share, lane.budget, self.rule.parameters
        )
        before = lane.decode_slot, lane.budget
        lane.least_share, lane.budget = self.rule.answer(look)
        if before == (lane.decode_slot, lane.budget):
            return False
        lane.budget_changes += 1
        self.world.iterations.end_run(instance.number)
        lane.set_time()
        return True
