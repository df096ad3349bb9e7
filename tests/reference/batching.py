"""One instance: its queue, its batch and its iterations (semantics, "One iteration of an instance")."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.reference.description import InstanceSpec
from tests.reference.kv_time import held_tokens
from tests.reference.latency import Line, iteration_time
from tests.reference.residency import KVPool, blocks_for
from tests.reference.scheduling import Scheduler
from tests.reference.turn import Turn


@dataclass
class Step:
    """What one iteration computes: decodes and (prefill, chunk, tokens cached before the chunk).

    Attributes:
        preempted: Somebody was preempted for it.
        jumped: A prefill skips tokens.
        broke: Pins were broken for it, or victims of eviction chosen by more than their age.
    """

    decodes: list[Turn] = field(default_factory=list)
    prefills: list[tuple[Turn, int, int]] = field(default_factory=list)
    preempted: bool = False
    jumped: bool = False
    broke: bool = False

    @property
    def n_tokens(self) -> int:
        return len(self.decodes) + sum(chunk for _, chunk, _ in self.prefills)

    @property
    def is_full(self) -> bool:
        """One prefill takes all that is left of the budget, and will do so again."""
        return len(self.prefills) == 1 and self.prefills[0][0].computed < self.prefills[0][0].target

    @property
    def composition(self) -> tuple[object, ...]:
        """A run lasts while this stays the same."""
        prefills = tuple((t.id, chunk, t.computed == t.target) for t, chunk, _ in self.prefills)
        return tuple(t.id for t in self.decodes), prefills


@dataclass
class Run:
    """Iterations of one composition: iteration j takes first_s + growth_s * j.

    One that has preempted somebody is a run by itself: what it made room for may join the next.
    """

    start_s: float
    first_s: float
    growth_s: float
    composition: tuple[object, ...]
    branch: tuple[str, ...]
    alone: bool
    j: int = 0

    @property
    def end_s(self) -> float:
        """End of iteration j, computed from the start of the run."""
        return self.start_s + ((self.j + 1) * self.first_s + self.growth_s * (self.j * (self.j + 1) // 2))


class Instance:
    """A serving engine.

    Attributes:
        waiting: The queue, head first.
        reserved: Blocks for prefixes that are on their way up.
        let_go: Releases what a prefill instance has kept for a turn; None where there is no such instance.
        admitted: Told of each turn that joins the batch and the blocks that it finds.
        load: Brings up what a lower tier has of a turn; None without one.
        firm_pins: Waiting turns do not break pins while something runs.
        running: The batch, in order of admission.
        step: The iteration in flight; None if idle.
        cut: A turn has joined: the next iteration begins a new run.
        loaded: A serialized load has filled the cache since the last run began: the next run has one iteration.
        owed_s: Time of serialized transfers that the next iteration waits for.
    """

    def __init__(self, spec: InstanceSpec, block_size: int, scheduler: Scheduler) -> None:
        self.spec = spec
        self.scheduler = scheduler
        self.block_size = block_size
        self.pool = KVPool(spec.capacity_blocks)
        self.waiting: list[Turn] = []
        self.running: list[Turn] = []
        self.up = spec.start_s <= 0
        self.step: Step | None = None
        self.run: Run | None = None
        self.cut = False
        self.began_s = 0.0
        self.busy_s = 0.0
        self.iterations = 0
        self.prefill_tokens = 0
        self.generated_tokens = 0
        self.hit_tokens = 0
        self.lookup_tokens = 0
        self.readmission_hit_tokens = 0
        self.readmission_lookup_tokens = 0
        self.peak_blocks = 0
        self.reserved = 0
        self.loaded_blocks = 0
        self.stored_blocks = 0
        self.admitted: Callable[[Turn, int], None] | None = None
        self.prefetches = 0
        self.prefetches_used = 0
        self.prefetches_wasted = 0
        self.owed_s = 0.0
        self.loaded = False
        self.migrated_blocks = 0
        self.demoted_blocks = 0
        self.lost_blocks = 0
        self.load: Callable[[Instance, Turn, int, float], bool] | None = None
        self.firm_pins = False
        self.let_go: Callable[[Instance, Turn], None] | None = None

    def can_ever_hold(self, turn: Turn) -> bool:
        tokens = turn.prompt + turn.output
        return blocks_for(tokens, self.block_size) <= self.spec.capacity_blocks and tokens <= self.spec.max_model_len

    def copy(self) -> "Instance":
        """A copy on which an iteration can be tried."""
        twins = {turn.id: copy.copy(turn) for turn in self.running + self.waiting}
        for turn in twins.values():
            turn.locked, turn.kept = list(turn.locked), list(turn.kept)
        other = copy.copy(self)
        other.pool = self.pool.copy()
        other.admitted = None
        other.running = [twins[turn.id] for turn in self.running]
        other.waiting = [twins[turn.id] for turn in self.waiting]
        if self.step is not None:
            decodes = [twins[turn.id] for turn in self.step.decodes]
            prefills = [(twins[turn.id], chunk, cached) for turn, chunk, cached in self.step.prefills]
            other.step = Step(decodes, prefills)
        return other

    @property
    def ready(self) -> list[Turn]:
        """Waiting turns whose prefix is not on its way up."""
        return [turn for turn in self.waiting if not turn.loading]

    def charge(self, now: float) -> None:
        """Account for what blocks have been held for until now; to be called before that changes."""
        self.pool.time.charge(self, now)

    # Iterations.

    def begin_iteration(self, now: float) -> float | None:
        """Form the next iteration; its end, or None if there is nothing to do."""
        self.step = self.form(now)
        if self.step is None:
            self.run = None
            return None
        line = self.time_of(self.step)
        if self.run is not None and self.continues_run(self.step, line):
            self.run.j += 1
        else:
            start_s, self.owed_s = now + self.owed_s, 0.0
            alone = self.step.preempted or self.loaded
            self.run = Run(start_s, line.seconds, line.growth_s, self.step.composition, line.branch, alone)
        self.cut = self.loaded = False
        self.began_s = max(now, self.run.start_s)
        self.iterations += 1
        return self.run.end_s

    def continues_run(self, step: Step, line: Line) -> bool:
        """Whether `step` belongs to the run of the iteration before it."""
        run = self.run
        if run is None or run.alone or self.cut or self.owed_s > 0 or step.preempted or step.jumped or step.broke:
            return False
        return step.composition == run.composition and line.branch == run.branch

    def time_of(self, step: Step) -> Line:
        contexts = [turn.kv_tokens + 1 for turn in step.decodes]
        return iteration_time(self.spec.profile, contexts, [(chunk, cached) for _, chunk, cached in step.prefills])

    def finish(self, now: float, then: Callable[[Turn], None] = lambda turn: None) -> list[Turn]:
        """The iteration in flight takes effect; the turns that leave, in their order, their KV released.

        They have all their output, or, on a prefill instance, are to decode elsewhere. `then` is done about each that
        has ended before the next one's KV is released.
        """
        step = self.step
        assert step is not None
        self.busy_s += now - self.began_s
        emitting = [turn for turn, _, _ in step.prefills if turn.computed == turn.target] + step.decodes
        self.generated_tokens += len(emitting)
        for turn in emitting:
            turn.generated += 1
            turn.decoding = True
            if turn.generated == 1:
                turn.first_token_s = now
        left = [turn for turn in emitting if turn.generated == turn.output or self.spec.mode == "prefill"]
        for turn in left:
            if turn.generated == turn.output:
                self.leave(turn)
                then(turn)
            else:
                self.hand_over(turn)
        self.step = None
        return left

    def fail(self, now: float) -> list[Turn]:
        """Lose everything; the turns that have to go elsewhere, in order. What was in flight counts as computed."""
        homeless = self.running + self.waiting
        if self.step is not None:
            self.busy_s += max(0.0, now - self.began_s)
        for turn in self.running:
            self.own(turn, -turn.owned)
            self.publish(turn, held_tokens(turn, self.step is not None and turn in self.step.decodes))
            self.pool.release(turn.locked)
            turn.preemptions += 1
            turn.asked_tokens += turn.computed
            turn.start_over()
        self.running, self.waiting = [], []
        self.step, self.run, self.up, self.cut = None, None, False, False
        self.pool.clear()
        return homeless

    # Forming an iteration.

    def form(self, now: float) -> Step | None:
        """The next iteration, its blocks allocated and published; None if there is nothing to compute."""
        step = Step()
        if self.spec.mode == "prefill_first":
            self.form_prefill_first(step, now)
        else:
            self.form_mixed(step, now)
        self.peak_blocks = max(self.peak_blocks, self.pool.capacity - self.pool.free)
        # Blocks that a transfer keeps, or a prefill instance, are free in the end, and the instance looks again.
        keeps = self.load is not None or self.spec.mode == "prefill"
        assert self.running or not self.waiting or keeps, "an idle instance lets turns wait"
        return step if self.running else None

    def form_mixed(self, step: Step, now: float) -> None:
        """Decodes and chunks of prefills side by side."""
        self.schedule_running(step, now)
        # A batch that has preempted its only turn takes another at once: nothing else would wake the instance.
        if not self.running or not (step.preempted or self.continues_run(step, self.time_of(step))):
            self.admit_waiting(step, now)

    def form_prefill_first(self, step: Step, now: float) -> None:
        """Whole prompts; if there is none to admit, decodes."""
        if not self.decodes_go_on():
            self.admit_waiting(step, now)
        if not step.prefills:
            self.schedule_running(step, now)
            if not self.running:
                self.admit_waiting(step, now)

    def decodes_go_on(self) -> bool:
        """Whether another iteration of all decodes would belong to the run."""
        room = self.pool.free if self.pool.timed_eviction else self.pool.available
        if not self.running or sum(self.blocks_needed(turn, 1) for turn in self.running) > room:
            return False
        step = Step(decodes=list(self.running))
        return self.continues_run(step, self.time_of(step))

    def schedule_running(self, step: Step, now: float) -> None:
        """Step 1: decodes, then unfinished prefills; preempt while blocks are short."""
        for turn in self.running:
            if not turn.decoding:
                step.jumped |= self.look_up(turn)
        plan = self.plan()
        while sum(self.blocks_needed(turn, tokens) for turn, tokens in plan) > self.pool.available + self.pool.pinned:
            self.preempt(self.scheduler.victim(self, now))
            step.preempted = True
            plan = self.plan()
        step.broke |= self.pool.make_room(sum(self.blocks_needed(turn, tokens) for turn, tokens in plan))
        for turn, tokens in plan:
            self.schedule(step, turn, tokens)

    def plan(self) -> list[tuple[Turn, int]]:
        """Tokens for each running turn, decodes first, in the order in which blocks are allocated."""
        plan = [(turn, 1) for turn in self.running if turn.decoding]
        left = self.spec.max_num_batched_tokens - len(plan)
        for turn in self.running:
            if not turn.decoding:
                chunk = min(turn.target - turn.computed, left)
                left -= chunk
                assert chunk > 0, "two prefills are unfinished at once"
                plan.append((turn, chunk))
        return plan

    def admit_waiting(self, step: Step, now: float) -> None:
        """Step 2, at the start of a run: one waiting turn after the other, while tokens, places and blocks last."""
        while self.ready and len(self.running) < self.spec.max_num_seqs:
            tokens_left = self.spec.max_num_batched_tokens - step.n_tokens
            if tokens_left <= 0:
                break
            turn = self.scheduler.next_turn(self, now)
            if turn is None or not self.fits(turn):
                break
            if self.load is not None and self.load(self, turn, self.match(turn), now):
                continue
            if self.spec.mode == "prefill_first":
                # A whole prompt, or one that is longer than the budget alone.
                whole = turn.target - self.hit(turn)
                if step.prefills and whole > tokens_left:
                    break
                tokens_left = whole
            if self.admitted is not None:
                self.admitted(turn, self.match(turn))
            self.waiting.remove(turn)
            self.running.append(turn)
            self.begin_stay(turn, now)
            self.look_up(turn)
            self.pool.use_pins(turn.id)
            if turn.handed:
                self.take_over(turn)
            self.schedule(step, turn, min(turn.target - turn.computed, tokens_left))

    def fits(self, turn: Turn) -> bool:
        """Whether the blocks of the whole remaining prompt can be had without touching the turn's own path."""
        match = self.match(turn)
        missing = blocks_for(turn.target, self.block_size) - match
        if self.firm_pins and self.running:
            return missing <= self.pool.available - self.pool.idle_on(turn.path, match)
        return missing <= self.pool.available + self.pool.pinned - self.pool.unlocked_on(turn.path, match)

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

    def begin_stay(self, turn: Turn, now: float) -> None:
        """A turn joins the batch: for the first time, with its prefill done elsewhere, or again."""
        if math.isnan(turn.scheduled_s):
            turn.scheduled_s, turn.stay = now, "first"
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

    def blocks_needed(self, turn: Turn, tokens: int) -> int:
        """Blocks that the turn's next `tokens` tokens take beyond those it owns or its path has."""
        if turn.decoding:
            return 1 if turn.kv_tokens % self.block_size == 0 else 0
        blocks = blocks_for(turn.computed + tokens, self.block_size)
        return max(0, blocks - self.match(turn)) - turn.owned

    def schedule(self, step: Step, turn: Turn, tokens: int) -> None:
        """Give the turn its tokens in this iteration, and their blocks."""
        needed = self.blocks_needed(turn, tokens)
        step.broke |= self.pool.make_room(needed)
        if turn.decoding:
            self.own(turn, needed)
            step.decodes.append(turn)
            return
        step.prefills.append((turn, tokens, turn.computed))
        turn.computed += tokens
        turn.computed_tokens += tokens
        self.prefill_tokens += tokens
        self.own(turn, -turn.owned)
        self.publish(turn, turn.computed)
        if blocks_for(turn.computed, self.block_size) > self.match(turn):
            self.own(turn, 1)

    # Blocks of a turn.

    def reserve(self, blocks: int) -> None:
        """Keep free blocks for what is on its way; a negative number gives them back."""
        self.pool.own(blocks)
        self.reserved += blocks
        self.peak_blocks = max(self.peak_blocks, self.pool.capacity - self.pool.free)

    def own(self, turn: Turn, blocks: int) -> None:
        self.pool.own(blocks)
        turn.owned += blocks

    def publish(self, turn: Turn, tokens: int) -> None:
        whole = tokens // self.block_size
        self.pool.lock(turn.path, turn.locked, whole)
        self.pool.publish(turn.path, whole)

    def leave(self, turn: Turn) -> None:
        """Take a turn out of the batch: its KV is published and released."""
        self.running.remove(turn)
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
        assert self.let_go is not None
        self.let_go(self, turn)

    def preempt(self, turn: Turn) -> None:
        self.leave(turn)
        turn.preemptions += 1
        turn.start_over()
        self.waiting.insert(0, turn)
