"""When the instances of a cluster form iterations (semantics, "One iteration of an instance" and "Runs")."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tests.reference.batch.forming import take_prompt
from tests.reference.events import Kind
from tests.reference.programs.turn import Turn

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
        instance = self.world.instances[number]
        end_s = instance.begin_iteration()
        if end_s is not None:
            self.world.events.push(end_s, Kind.ITERATION_END, number)
        self.set_works(number, instance.step is not None)
        if instance.lane is not None:
            instance.lane.set_time()
        self.settle_others()

    def settle_others(self) -> None:
        """What an instance has formed may have changed something for others."""
        for other in sorted(self.touched):
            self.end_run(other)
        self.touched.clear()
        self.look_at_woken()

    def set_works(self, number: int, works: bool) -> None:
        """An instance works or not: if that is new, the others of its GPU go on at another pace."""
        instance = self.world.instances[number]
        if instance.works != works:
            instance.works = works
            for other in instance.others_on_gpu:
                self.end_run(other.number)

    def begin_prefill(self, number: int) -> None:
        """The prefill lane goes on, or takes another turn, beside an iteration of the decode lane in flight."""
        instance = self.world.instances[number]
        lane = instance.lane
        assert lane is not None
        was = lane.turn
        take_prompt(instance)
        instance.note_peak()
        lane.begin_chunk()
        if lane.turn is not was:
            self.end_run(number)
        lane.set_time()
        self.settle_others()

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
        self.after(number, left)
        self.begin(number)
        for turn in left:
            if turn.handed:
                world.router.place(turn)

    def next_prefill(self, number: int) -> None:
        """The iteration of the prefill lane takes effect, and the lanes go on."""
        instance = self.world.instances[number]
        left = instance.finish_prefill()
        self.end_run(number)
        self.after(number, left)
        if instance.step is None:
            self.begin(number)
        else:
            self.begin_prefill(number)

    def after(self, number: int, left: list[Turn]) -> None:
        """What follows from turns that have left the batch, before the next iteration is formed."""
        world = self.world
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

    # Looking again.

    def look_again(self, number: int) -> None:
        """The queue of an instance is to be considered: at once if it is idle, else after the iteration in flight."""
        instance = self.world.instances[number]
        if instance.lane is not None:
            self.world.budgets.arm()
        if instance.step is None:
            self.begin(number)
            return
        if len(instance.running) < instance.spec.max_num_seqs and not instance.step.is_full:
            self.end_run(number)
        if instance.lane is not None and instance.lane.turn is None:
            self.begin_prefill(number)

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
