"""One instance: its queue, its batch and the iteration in flight (semantics, "One iteration of an instance")."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

from tests.reference.batch import forming
from tests.reference.batch.iteration_time import Line, iteration_time
from tests.reference.batch.prefill_lane import PrefillLane
from tests.reference.batch.step import Run, Step
from tests.reference.description import InstanceSpec
from tests.reference.programs.turn import Turn
from tests.reference.residency.adapters import AdapterSlots
from tests.reference.residency.pool import KVPool
from tests.reference.residency.segments import blocks_for
from tests.reference.rules import eviction

if TYPE_CHECKING:
    from tests.reference.world import World


class Instance:
    """A serving engine.

    Attributes:
        number: Its place in the cluster.
        is_trial: It is a copy on which an iteration is tried.
        waiting: The queue, head first.
        running: The batch, in order of admission.
        step: The iteration in flight; None if idle.
        ahead: Turns that have joined for the one after it, as in `Step.prefills`.
        lane: Its prefill lane, if it has two lanes: then `step` is that of the decode lane.
        passed_over: Waiting turns that are for the other lane than the one that takes turns now.
        run: The run that it belongs to.
        works: It is in an iteration, or one has just ended and it has not yet found that it has no other to begin.
        cut: A turn has joined: the next iteration begins a new run.
        loaded: A serialized load has filled the cache since the last run began: the next run has one iteration.
        owed_s: Time of serialized transfers that the next iteration waits for.
        reserved: Blocks for prefixes that are on their way up.
        began_s: When the iteration in flight began.
    """

    def __init__(self, world: World, number: int, spec: InstanceSpec) -> None:
        self.world = world
        self.number = number
        self.spec = spec
        self.block_size = world.workload.block_size
        self.is_trial = False
        self.up = spec.start_s <= 0
        self.pool = KVPool(
            spec.capacity_blocks,
            choose=self.choose_victim,
            evicting=lambda *blocks: world.copies.evicting(self, *blocks),
            eviction=world.eviction,
            timed_eviction=world.rules.times_eviction or world.eviction == "objects" or world.memory.writes_back,
        )
        self.adapters = AdapterSlots(spec.adapter_slots, order=self.order_of_adapter)
        self.waiting: list[Turn] = []
        self.running: list[Turn] = []
        self.step: Step | None = None
        self.ahead: list[tuple[Turn, int, int]] = []
        self.lane = PrefillLane(self) if spec.mode == "two_lanes" else None
        self.passed_over: set[int] = set()
        self.run: Run | None = None
        self.works = False
        self.cut = False
        self.loaded = False
        self.owed_s = 0.0
        self.reserved = 0
        self.began_s = 0.0

        # Records.
        self.busy_s = 0.0
        self.iterations = 0
        self.prefill_tokens = 0
        self.generated_tokens = 0
        self.hit_tokens = 0
        self.lookup_tokens = 0
        self.readmission_hit_tokens = 0
        self.readmission_lookup_tokens = 0
        self.peak_blocks = 0
        self.loaded_blocks = 0
        self.stored_blocks = 0
        self.migrated_blocks = 0
        self.demoted_blocks = 0
        self.lost_blocks = 0
        self.prefetches = 0
        self.prefetches_used = 0
        self.prefetches_wasted = 0
        self.prefetches_interrupted = 0
        self.prefetches_cancelled = 0
        self.wasted_blocks = 0.0

    def can_ever_hold(self, turn: Turn) -> bool:
        tokens = turn.prompt + turn.output
        return blocks_for(tokens, self.block_size) <= self.spec.capacity_blocks and tokens <= self.spec.max_model_len

    def copy(self) -> Instance:
        """A copy on which an iteration can be tried."""
        twins = {turn.id: copy.copy(turn) for turn in self.running + self.waiting}
        for turn in twins.values():
            turn.locked, turn.kept = list(turn.locked), list(turn.kept)
        other = copy.copy(self)
        other.is_trial = True
        other.pool = self.pool.copy()
        other.adapters = self.adapters.copy()
        other.running = [twins[turn.id] for turn in self.running]
        other.waiting = [twins[turn.id] for turn in self.waiting]
        other.ahead = [(twins[turn.id], chunk, cached) for turn, chunk, cached in self.ahead]
        if self.step is not None:
            decodes = [twins[turn.id] for turn in self.step.decodes]
            prefills = [(twins[turn.id], chunk, cached) for turn, chunk, cached in self.step.prefills]
            other.step = Step(decodes, prefills)
        other.passed_over = set(self.passed_over)
        if self.lane is not None:
            other.lane = self.lane.copy(other, twins)
        return other

    @property
    def ready(self) -> list[Turn]:
        """Waiting turns whose prefix is not on its way up and that are not passed over."""
        return [turn for turn in self.waiting if not turn.loading and turn.id not in self.passed_over]

    @property
    def computes(self) -> bool:
        """Whether an iteration is in flight, in either lane."""
        return self.step is not None or (self.lane is not None and self.lane.turn is not None)

    def decodes_now(self, turn: Turn) -> bool:
        """Whether a turn decodes in the iteration in flight."""
        return self.step is not None and turn in self.step.decodes

    def charge(self) -> None:
        """Account for what blocks have been held for until now; to be called before that changes."""
        self.pool.time.charge(self, self.world.now)

    def choose_victim(self, pool: KVPool) -> int:
        """The segment that goes from its pool, or from a copy of it on which an iteration is tried."""
        rule = self.world.rules.evict_kv
        return rule.answer(eviction.Look(pool, self, rule.parameters))

    def order_of_adapter(self, adapter: int) -> float:
        """How early an adapter gives way."""
        rule = self.world.rules.evict_kv
        return eviction.order_of_adapter(rule, eviction.Look(self.pool, self, rule.parameters), adapter)

    def adapter_of(self, program: int) -> int | None:
        """What the turns of a program need here."""
        adapter = int(self.world.workload.program["adapter"][program])
        return adapter if adapter >= 0 and self.spec.adapter_slots else None

    # Iterations.

    def form(self) -> Step | None:
        return forming.form(self)

    def begin_iteration(self) -> float | None:
        """Form the next iteration; its end, or None if there is nothing to do."""
        self.step = self.form()
        if self.lane is not None:
            self.lane.begin_chunk()
        if self.step is None:
            self.run = None
            return None
        line = self.time_of(self.step)
        if self.run is not None and self.continues_run(self.step, line):
            self.run.j += 1
        else:
            start_s, self.owed_s = self.world.now + self.owed_s, 0.0
            if self.lane is not None:
                line = self.lane.slow_down(self.step, line)
                start_s += self.lane.bind_decodes()
            alone = self.step.preempted or self.loaded
            seconds, growth_s = self.shared(line)
            self.run = Run(start_s, seconds, growth_s, self.composition(self.step), line.branch, alone)
        self.cut = self.loaded = False
        self.began_s = max(self.world.now, self.run.start_s)
        self.iterations += 1
        return self.run.end_s

    def shared(self, line: Line) -> tuple[float, float]:
        """Time and growth of iterations while as many others of the GPU work as do now."""
        turns = 1 + sum(other.works for other in self.others_on_gpu)
        if turns == 1:
            return line.seconds, line.growth_s
        return turns * line.seconds + self.world.context_switch_s, turns * line.growth_s

    @property
    def others_on_gpu(self) -> list[Instance]:
        name = self.spec.shares_gpu
        if name is None:
            return []
        alike = [other for other in self.world.instances if other.spec.shares_gpu == name]
        return [other for other in alike if other.number != self.number]

    def continues_run(self, step: Step, line: Line) -> bool:
        """Whether `step` belongs to the run of the iteration before it."""
        run = self.run
        if run is None or run.alone or self.cut or self.owed_s > 0 or step.preempted or step.jumped or step.broke:
            return False
        return self.composition(step) == run.composition and line.branch == run.branch

    def composition(self, step: Step) -> tuple[object, ...]:
        """A run lasts while this stays the same; where turns join ahead, what a prefill takes next belongs to it."""
        return step.next_composition if self.spec.async_scheduling else step.composition

    def time_of(self, step: Step) -> Line:
        contexts = [turn.kv_tokens + 1 for turn in step.decodes]
        return iteration_time(self.spec.profile, contexts, [(chunk, cached) for _, chunk, cached in step.prefills])

    def finish(self) -> list[Turn]:
        """The iteration in flight takes effect; the turns that leave, in their order, their KV released.

        They have all their output, or, on a prefill instance, are to decode elsewhere. What one has left is copied down
        before the next one's KV is released.
        """
        step = self.step
        assert step is not None
        self.busy_s += self.world.now - self.began_s
        emitting = [turn for turn, _, _ in step.prefills if turn.computed == turn.target] + step.decodes
        left = self.emit(emitting)
        self.step = None
        return left

    def finish_prefill(self) -> list[Turn]:
        """The iteration of the prefill lane takes effect; its turn, if it has all its output."""
        assert self.lane is not None
        turn = self.lane.finish_chunk()
        return [] if turn is None else self.emit([turn])

    def emit(self, turns: list[Turn]) -> list[Turn]:
        """Each of these turns has one more token; those that leave."""
        self.generated_tokens += len(turns)
        for turn in turns:
            turn.generated += 1
            turn.decoding = True
            if turn.generated == 1:
                turn.first_token_s = self.world.now
        left = [turn for turn in turns if turn.generated == turn.output or self.spec.mode == "prefill"]
        for turn in left:
            if turn.generated == turn.output:
                self.leave(turn)
                if not self.is_trial:
                    self.world.copies.write_through(self, turn)
            else:
                self.hand_over(turn)
        return left

    def fail(self) -> list[Turn]:
        """Lose everything; the turns that have to go elsewhere, in order. What was in flight counts as computed."""
        homeless = self.running + self.waiting
        if self.step is not None:
            self.busy_s += max(0.0, self.world.now - self.began_s)
        for turn in self.running:
            if self.lane is not None:
                self.lane.drop(turn)
            self.own(turn, -turn.owned)
            self.publish(turn, turn.kv_tokens + self.decodes_now(turn))
            self.pool.release(turn.locked)
            turn.preemptions += 1
            turn.asked_tokens += turn.computed
            turn.start_over()
        self.running, self.waiting, self.ahead = [], [], []
        self.step, self.run, self.up, self.cut = None, None, False, False
        self.pool.clear()
        self.adapters.clear()
        for turn in homeless:
            turn.lacked_adapter = False
        return homeless

    # What is found of a turn's path.

    def match(self, turn: Turn) -> int:
        """Blocks found for the turn; one that its tokens do not fill cannot be found."""
        return self.pool.match(turn.path, turn.target // self.block_size)

    def hit(self, turn: Turn) -> int:
        """Tokens of the turn that need not be computed; one at least is: its logits are the next token."""
        return min(self.match(turn), (turn.target - 1) // self.block_size) * self.block_size

    def look_up(self, turn: Turn) -> bool:
        """Lock what is found of the turn's path and skip what need not be computed; whether it jumped ahead."""
        match = self.match(turn)
        self.pool.lock(turn.path, turn.locked, match)
        if match * self.block_size > turn.computed and turn.owned:
            self.own(turn, -turn.owned)  # the path now has the block that it was filling
        skipped = max(0, self.hit(turn) - turn.computed)
        turn.computed += skipped
        if skipped > 0 and not turn.handed:
            self.count_hit(turn, skipped)
        return skipped > 0

    def begin_stay(self, turn: Turn) -> None:
        """A turn joins the batch: for the first time, with its prefill done elsewhere, or again."""
        if math.isnan(turn.scheduled_s):
            turn.scheduled_s, turn.stay = self.world.now, "first"
            self.lookup_tokens += turn.target
        elif turn.handed:
            turn.stay = "moved"
        else:
            turn.stay = "returned"
            turn.readmission_lookup_tokens += turn.target
            self.readmission_lookup_tokens += turn.target

    def count_hit(self, turn: Turn, tokens: int) -> None:
        """Prefill tokens need not be computed."""
        if turn.stay == "first":
            turn.hit_tokens += tokens
            self.hit_tokens += tokens
            return
        turn.readmission_hit_tokens += tokens
        self.readmission_hit_tokens += tokens
        if turn.stay == "moved":
            turn.readmission_lookup_tokens += tokens
            self.readmission_lookup_tokens += tokens

    def expect(self, turn: Turn) -> None:
        """Note what the turn, which joins the queue, will have to prefill as the cache is now."""
        brought = (turn.target - 1) // self.block_size * self.block_size if turn.handed else 0
        turn.expected = turn.target - max(self.hit(turn), brought)
        turn.demand = max(0, blocks_for(turn.target, self.block_size) - self.pool.locked_on(turn.path))

    # Turns and their blocks.

    def reserve(self, blocks: int) -> None:
        """Keep free blocks for what is on its way; a negative number gives them back."""
        self.pool.own(blocks)
        self.reserved += blocks
        self.note_peak()

    def note_peak(self) -> None:
        self.peak_blocks = max(self.peak_blocks, self.pool.capacity - self.pool.free)

    def own(self, turn: Turn, blocks: int) -> None:
        self.pool.own(blocks)
        turn.owned += blocks

    def publish(self, turn: Turn, tokens: int) -> None:
        whole = tokens // self.block_size
        self.pool.lock(turn.path, turn.locked, whole)
        self.pool.publish(turn.path, whole)

    def join(self, turn: Turn) -> None:
        """Take a turn from the queue into the batch."""
        if not self.is_trial:
            self.world.prefetcher.admitted(self.number, turn, self.match(turn))
        self.waiting.remove(turn)
        self.running.append(turn)
        self.adapters.use(self.adapter_of(turn.program), turn.lacked_adapter)
        turn.lacked_adapter = False
        self.begin_stay(turn)
        self.look_up(turn)
        self.pool.use_pins(turn.id)
        if turn.handed:
            self.take_over(turn)

    def leave(self, turn: Turn) -> None:
        """Take a turn out of the batch: its KV is published and released."""
        self.running.remove(turn)
        self.adapters.let_go(self.adapter_of(turn.program))
        if self.lane is not None:
            self.lane.drop(turn)
        self.own(turn, -turn.owned)
        self.publish(turn, turn.kv_tokens)
        self.pool.note_use(turn.locked, turn.program)
        self.pool.release(turn.locked)
        turn.asked_tokens += turn.target if turn.decoding else turn.computed

    def hand_over(self, turn: Turn) -> None:
        """A turn is to decode elsewhere; what it has of its path stays locked until it has been moved."""
        turn.kept_at = turn.instance
        self.pool.lock(turn.path, turn.kept, turn.target // self.block_size)
        assert turn.kept == turn.locked
        self.leave(turn)
        turn.start_over()
        turn.handed = True
        turn.moves += 1

    def take_over(self, turn: Turn) -> None:
        """A turn from a prefill instance joins: what it finds is no hit."""
        turn.asked_tokens -= turn.computed
        turn.handed = False
        if not self.is_trial:
            self.world.handover.let_go(turn)

    def preempt(self, turn: Turn) -> None:
        self.leave(turn)
        self.ahead = [given for given in self.ahead if given[0] is not turn]
        turn.preemptions += 1
        turn.start_over()
        self.expect(turn)
        self.waiting.insert(0, turn)
