"""When the instances of a cluster form iterations (semantics, "One iteration of an instance" and "Runs")."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tests.reference.events import Kind

if TYPE_CHECKING:
    from tests.reference.world import World


class Iterations:
    """Begins and ends iterations, and has instances look at their queues again.

    Attributes:
        woken: Instances in whose memory something has changed while turns wait there.
        touched: Instances in which another's load has locked something: their runs end.
        filled: Instances in which a load has just arrived: likewise.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.woken: list[int] = []
        self.touched: set[int] = set()
        self.filled: list[int] = []

    def begin(self, number: int) -> None:
        end_s = self.world.instances[number].begin_iteration()
        if end_s is not None:
            self.world.events.push(end_s, Kind.ITERATION_END, number)
        for other in sorted(self.touched):
            self.end_run(other)
        self.touched.clear()
        self.look_at_woken()

    def is_quiet_boundary(self, number: int) -> bool:
        """Whether nothing but the next iteration of the run follows from the end of this one, tried on a copy."""
        trial = self.world.instances[number].copy()
        if trial.finish():
            return False
        step = trial.form()
        return step is not None and trial.continues_run(step, trial.time_of(step))

    def next(self, number: int) -> None:
        """The iteration in flight takes effect, and the next one begins."""
        world = self.world
        left = world.instances[number].finish()
        ended = [turn for turn in left if not turn.handed]
        lost: list[int] = []
        for turn in left:
            world.router.leaves(turn, number)
        for turn in ended:
            world.gateway.turn_ended(turn)
            lost += world.retention.moved(turn)
            world.prefetcher.turn_ended(turn)
        for turn in ended:
            world.retention.ended(number, turn)
        world.admission.ask_again()
        self.look_again_at(lost)
        self.begin(number)
        for turn in left:
            if turn.handed:
                world.router.place(turn)

    # Looking again.

    def look_again(self, number: int) -> None:
        """The queue of an instance is to be considered: at once if it is idle, else after the iteration in flight."""
        instance = self.world.instances[number]
        if instance.step is None:
            self.begin(number)
        elif len(instance.running) < instance.spec.max_num_seqs and not instance.step.is_full:
            self.end_run(number)

    def look_again_at(self, numbers: Iterable[int]) -> None:
        """Something has changed in the memory of these instances: those whose queues are not empty look again."""
        for number in numbers:
            if self.world.instances[number].waiting:
                self.look_again(number)

    def end_run(self, number: int) -> None:
        """The run of an instance, if it is in one, ends with the iteration in flight."""
        instance = self.world.instances[number]
        if instance.step is not None:
            instance.cut = True
            if self.world.events.cancel(Kind.QUIET_BOUNDARY, number):
                self.world.events.push(self.world.now, Kind.ITERATION_END, number)

    def end_filled_runs(self) -> None:
        for number in self.filled:
            self.end_run(number)
        self.filled.clear()

    def wake(self, number: int) -> None:
        """Something has changed in the memory of an instance: if somebody waits there, it is to look at its queue."""
        if self.world.instances[number].waiting:
            self.woken.append(number)

    def look_at_woken(self) -> None:
        woken, self.woken = list(dict.fromkeys(self.woken)), []
        for number in woken:
            self.look_again(number)
