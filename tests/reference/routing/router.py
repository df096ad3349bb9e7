"""Where turns go (semantics, "Routing")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reference.events import VIEW_TICK, Kind
from tests.reference.programs.turn import Turn
from tests.reference.routing.view import Seen, View
from tests.reference.rules.learning import Learner

if TYPE_CHECKING:
    from tests.reference.world import World


class Router:
    """Routes the turns that have passed the gateway, and those that go on to a decode instance.

    Attributes:
        parked: Turns for which no instance that could hold them is up.
        routed: How many turns have been sent somewhere.
        last_routed: Where the last of them went, -1 for none; `last_handed` likewise of those that are to decode.
        seen: The instances at the last refresh of the view.
    """

    def __init__(self, world: World, view_delay_s: float) -> None:
        self.world = world
        self.view_delay_s = view_delay_s
        self.block_size = world.workload.block_size
        self.parked: list[Turn] = []
        self.routed = 0
        self.last_routed = -1
        self.last_handed = -1
        self.seen = self.seen_now()

    # The view.

    def begin(self) -> None:
        if self.view_delay_s > 0:
            self.world.events.push(0.0, Kind.CONTROL_TICK, VIEW_TICK)

    def refresh_view(self) -> None:
        self.seen = self.seen_now()
        if self.world.events.more_to_come():
            self.world.events.push(self.world.now + self.view_delay_s, Kind.CONTROL_TICK, VIEW_TICK)

    def seen_now(self) -> list[Seen]:
        return [Seen.of(instance) for instance in self.world.instances]

    # Turns.

    def place(self, turn: Turn) -> None:
        """Route a turn, park it while no instance that could hold it is up, or fail its program.

        A turn that has come this far goes on even if its program fails.
        """
        possible = self.possible(turn)
        allowed = [can and instance.up for can, instance in zip(possible, self.world.instances, strict=True)]
        if not any(possible):
            turn.refused = True
            self.world.gateway.end(self.world.orchestrator.program(turn), "failed")
        elif not any(allowed):
            self.parked.append(turn)
        else:
            self.send(turn, self.choose(turn, allowed))

    def place_parked(self) -> None:
        """An instance has come up."""
        parked, self.parked = self.parked, []
        for turn in parked:
            self.place(turn)

    def possible(self, turn: Turn) -> list[bool]:
        """Which instances could take the turn if they were up: to decode it, or to prefill it and perhaps to decode."""
        instances = self.world.instances
        holds = [instance.can_ever_hold(turn) for instance in instances]
        modes = [instance.spec.mode for instance in instances]
        decodes = [hold and mode == "decode" for hold, mode in zip(holds, modes, strict=True)]
        if turn.handed:
            return decodes
        # What is prefilled on an instance that does only this has to find a place elsewhere.
        return [
            hold and mode != "decode" and (mode != "prefill" or any(decodes))
            for hold, mode in zip(holds, modes, strict=True)
        ]

    def choose(self, turn: Turn, allowed: list[bool]) -> int:
        """The rule's answer; a decision with a single legal answer is not asked."""
        seen = self.seen if self.view_delay_s > 0 else self.seen_now()
        last = self.last_handed if turn.handed else self.last_routed
        view = View(
            seen,
            allowed,
            self.world.orchestrator.program(turn).home,
            self.routed,
            last,
            self.block_size,
            self.world.now,
        )
        chosen = self.world.rules.route_turn(view, turn) if len(view.candidates) > 1 else view.candidates[0]
        assert allowed[chosen]
        if isinstance(self.world.rules.route_turn, Learner):
            self.world.rules.route_turn.sent(view, turn, chosen)
        return chosen

    def leaves(self, turn: Turn, number: int) -> None:
        """A turn leaves the batch of an instance for good."""
        if isinstance(self.world.rules.route_turn, Learner):
            self.world.rules.route_turn.left(turn, number, self.world.now)

    def send(self, turn: Turn, number: int) -> None:
        """The turn joins the tail of the queue of an instance."""
        world = self.world
        self.routed += 1
        if turn.handed:
            self.last_handed = number
        else:
            self.last_routed = number
            world.orchestrator.program(turn).home = number
        turn.instance, turn.routed_s = number, world.now
        world.iterations.look_again_at(world.retention.moved(turn))
        world.instances[number].expect(turn)
        world.instances[number].waiting.append(turn)
        world.iterations.look_again(number)
        world.prefetcher.ask(number)
