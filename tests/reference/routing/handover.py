"""Turns between a prefill instance and a decode instance (semantics, "Prefill and decode apart")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reference.programs.turn import Turn

if TYPE_CHECKING:
    from tests.reference.world import World


class Handover:
    """What prefill instances keep for the turns that they have handed over."""

    def __init__(self, world: World) -> None:
        self.world = world

    def let_go(self, turn: Turn) -> None:
        """What a prefill instance has kept for the turn has been moved, or is not wanted any more."""
        if turn.kept:
            self.world.instances[turn.kept_at].pool.release(turn.kept)
            self.world.iterations.wake(turn.kept_at)

    def instance_down(self, number: int, homeless: list[Turn]) -> list[Turn]:
        """An instance has failed, and some turns have to leave it; all that are to be routed again, in order."""
        for turn in homeless:
            turn.handed = False
            self.let_go(turn)
        lost = self.lose_kept(number)
        router = self.world.router
        homeless += [turn for turn in lost if turn not in router.parked]
        if any(turn in router.parked for turn in lost):
            # They can go elsewhere now.
            homeless += router.parked
            router.parked = []
        return homeless

    def lose_kept(self, number: int) -> list[Turn]:
        """An instance fails: the turns for which it kept something, which start again; those that wait leave."""
        world = self.world
        lost = [turn for turn in world.orchestrator.turns if turn.kept and turn.kept_at == number]
        for turn in lost:
            turn.kept, turn.handed, turn.lacked_adapter = [], False, False
            if turn not in world.router.parked:
                world.loads.cancel(turn)
                world.instances[turn.instance].waiting.remove(turn)
                world.iterations.wake(turn.instance)
        return lost
