"""Forms the next iteration of an instance (semantics, "One iteration of an instance")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reference.batch.step import Step
from tests.reference.programs.turn import Turn
from tests.reference.residency.segments import blocks_for

if TYPE_CHECKING:
    from tests.reference.batch.instance import Instance


def form(instance: Instance) -> Step | None:
    """The next iteration, its blocks allocated and published; None if there is nothing to compute."""
    step = Step()
    if instance.spec.async_scheduling:
        form_async(instance, step)
    elif instance.spec.mode == "prefill_first":
        form_prefill_first(instance, step)
    elif instance.lane is not None:
        form_two_lanes(instance, step)
    else:
        form_mixed(instance, step)
    instance.note_peak()
    # Blocks that a transfer keeps, or a prefill instance, are free in the end, and the instance looks again.
    keeps = bool(instance.world.topology.links) or instance.spec.mode == "prefill"
    assert instance.running or not instance.waiting or keeps, "an idle instance lets turns wait"
    return step if step.n_tokens else None


def form_mixed(instance: Instance, step: Step) -> None:
    """Decodes and chunks of prefills side by side."""
    schedule_running(instance, step)
    # A batch that has preempted its only turn takes another at once: nothing else would wake the instance.
    if not instance.running or not (step.preempted or instance.continues_run(step, instance.time_of(step))):
        admit_waiting(instance, step)


def form_prefill_first(instance: Instance, step: Step) -> None:
    """Whole prompts; if there is none to admit, decodes."""
    if not decodes_go_on(instance):
        admit_waiting(instance, step)
    if not step.prefills:
        schedule_running(instance, step)
        if not instance.running:
            admit_waiting(instance, step)


def form_two_lanes(instance: Instance, step: Step) -> None:
    """Decodes and resume prefills within the budget; another turn for the prefill lane, if it is idle."""
    schedule_running(instance, step)
    if step.preempted and instance.running:
        return
    if step.n_tokens and instance.continues_run(step, instance.time_of(step)):
        return
    assert instance.lane is not None
    instance.passed_over = {turn.id for turn in instance.waiting if not instance.lane.merges(turn)}
    joined = len(instance.running)
    admit_waiting(instance, step)
    instance.lane.merged_prefills += len(instance.running) - joined
    take_prompt(instance)


def take_prompt(instance: Instance) -> None:
    """A turn that is not for the decode lane goes to the prefill lane, if that is idle."""
    lane = instance.lane
    assert lane is not None
    instance.passed_over = {turn.id for turn in instance.waiting if lane.merges(turn)}
    while lane.turn is None and instance.ready and len(instance.running) < instance.spec.max_num_seqs:
        turn = next_turn(instance)
        if turn is None or not fits(instance, turn, 0):
            break
        if not instance.world.loads.load(instance, turn):
            instance.join(turn)
            lane.take(turn)
    instance.passed_over = set()


def form_async(instance: Instance, step: Step) -> None:
    """Those that run, first; who joins them is computed in the next iteration."""
    if instance.spec.mode != "prefill_first" or not instance.ahead:
        schedule_running(instance, step)
    step.prefills += instance.ahead
    instance.ahead = []
    if instance.running and (step.preempted or instance.continues_run(step, instance.time_of(step))):
        return
    if not instance.running:
        admit_waiting(instance, step)
    if instance.running:
        later = Step()
        admit_waiting(instance, later, tokens_next(instance), blocks_next(instance))
        instance.ahead = later.prefills


def tokens_next(instance: Instance) -> int:
    """Tokens of the next iteration's budget that are not for those who join ahead."""
    if instance.spec.mode == "prefill_first":
        return 0
    return sum(max(1, turn.target - turn.computed) for turn in instance.running)


def blocks_next(instance: Instance) -> int:
    """Blocks that the batch will need in the next iteration."""
    if instance.spec.mode == "prefill_first":
        return 0
    blocks = 0
    for turn in instance.running:
        if turn.computed < turn.target:
            blocks += blocks_needed(instance, turn, turn.target - turn.computed)
        else:
            kv_tokens = turn.kv_tokens + turn.decoding
            blocks += kv_tokens % instance.block_size == 0
    return blocks


def decodes_go_on(instance: Instance) -> bool:
    """Whether another iteration of all decodes would belong to the run."""
    room = instance.pool.free if instance.pool.timed_eviction else instance.pool.available
    if not instance.running or sum(blocks_needed(instance, turn, 1) for turn in instance.running) > room:
        return False
    step = Step(decodes=list(instance.running))
    return instance.continues_run(step, instance.time_of(step))


# Step 1: turns that run.


def schedule_running(instance: Instance, step: Step) -> None:
    """Decodes, then unfinished prefills; preempt while blocks are short."""
    for turn in unscheduled(instance):
        if not turn.decoding:
            step.jumped |= instance.look_up(turn)
    plan = plan_running(instance)
    while needed_for(instance, plan) > instance.pool.available + instance.pool.pinned:
        instance.preempt(instance.world.rules.preempt_turn(instance))
        step.preempted = True
        plan = plan_running(instance)
    step.broke |= instance.pool.make_room(needed_for(instance, plan))
    for turn, tokens in plan:
        schedule(instance, step, turn, tokens)


def unscheduled(instance: Instance) -> list[Turn]:
    """The batch, without those that have joined ahead, which have their first chunk, and the other lane's turn."""
    elsewhere = [turn for turn, _, _ in instance.ahead]
    if instance.lane is not None and instance.lane.turn is not None:
        elsewhere.append(instance.lane.turn)
    return [turn for turn in instance.running if all(turn is not other for other in elsewhere)]


def plan_running(instance: Instance) -> list[tuple[Turn, int]]:
    """Tokens for each running turn, decodes first, in the order in which blocks are allocated."""
    plan = [(turn, 1) for turn in instance.running if turn.decoding]
    left = instance.spec.max_num_batched_tokens - len(plan)
    for turn in unscheduled(instance):
        if not turn.decoding:
            chunk = min(turn.target - turn.computed, left)
            left -= chunk
            assert chunk > 0, "two prefills are unfinished at once"
            plan.append((turn, chunk))
    return plan


def needed_for(instance: Instance, plan: list[tuple[Turn, int]]) -> int:
    return sum(blocks_needed(instance, turn, tokens) for turn, tokens in plan)


def blocks_needed(instance: Instance, turn: Turn, tokens: int) -> int:
    """Blocks that the turn's next `tokens` tokens take beyond those it owns or its path has."""
    if turn.decoding:
        return 1 if turn.kv_tokens % instance.block_size == 0 else 0
    blocks = blocks_for(turn.computed + tokens, instance.block_size)
    return max(0, blocks - instance.match(turn)) - turn.owned


# Step 2, at the start of a run: turns that join.


def admit_waiting(instance: Instance, step: Step, tokens_taken: int = 0, blocks_taken: int = 0) -> None:
    """One waiting turn after the other, while tokens, places and blocks last."""
    while instance.ready and len(instance.running) < instance.spec.max_num_seqs:
        tokens_left = instance.spec.max_num_batched_tokens - tokens_taken - step.n_tokens
        if tokens_left <= 0:
            break
        turn = next_turn(instance)
        if turn is None or not fits(instance, turn, blocks_taken):
            break
        if instance.world.loads.load(instance, turn):
            continue
        if instance.spec.mode == "prefill_first":
            # A whole prompt, or one that is longer than the budget alone.
            whole = turn.target - instance.hit(turn)
            if step.prefills and whole > tokens_left:
                break
            tokens_left = whole
        instance.join(turn)
        schedule(instance, step, turn, min(turn.target - turn.computed, tokens_left))


def next_turn(instance: Instance) -> Turn | None:
    """Who joins the batch; an idle instance takes the head of the queue rather than nobody."""
    chosen = instance.world.rules.schedule_turn(instance)
    return instance.ready[0] if chosen is None and not instance.running else chosen


def fits(instance: Instance, turn: Turn, taken: int) -> bool:
    """Whether a slot for its adapter can be had, and the blocks of its whole remaining prompt beside its own path."""
    if not instance.adapters.can_have(instance.adapter_of(turn.program)):
        return False
    pool, match = instance.pool, instance.match(turn)
    missing = blocks_for(turn.target, instance.block_size) - match + taken
    if instance.world.retention.firm_pins and instance.running:
        return missing <= pool.available - pool.idle_on(turn.path, match)
    return missing <= pool.available + pool.pinned - pool.unlocked_on(turn.path, match)


# Both.


def schedule(instance: Instance, step: Step, turn: Turn, tokens: int) -> None:
    """Give the turn its tokens in this iteration, and their blocks."""
    needed = blocks_needed(instance, turn, tokens)
    step.broke |= instance.pool.make_room(needed)
    if turn.decoding:
        instance.own(turn, needed)
        step.decodes.append(turn)
        return
    step.prefills.append((turn, tokens, turn.computed))
    turn.computed += tokens
    turn.computed_tokens += tokens
    instance.prefill_tokens += tokens
    instance.own(turn, -turn.owned)
    instance.publish(turn, turn.computed)
    if blocks_for(turn.computed, instance.block_size) > instance.match(turn):
        instance.own(turn, 1)
