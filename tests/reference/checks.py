"""Conservation laws that hold after every event (design, section 8)."""

import math
from collections.abc import Sequence
from itertools import pairwise

from tests.reference.batching import Instance
from tests.reference.orchestrator import Orchestrator
from tests.reference.turn import Turn


def check(orchestrator: Orchestrator, instances: Sequence[Instance], parked: Sequence[Turn]) -> None:
    """Raise AssertionError if blocks, tokens, turns or programs have been lost or made."""
    for instance in instances:
        check_blocks(instance)
        check_tokens(instance)
        check_run(instance)
    check_turns(orchestrator, instances, parked)
    check_programs(orchestrator)


def check_blocks(instance: Instance) -> None:
    pool = instance.pool
    assert min(pool.free, pool.idle, pool.pinned, pool.locked, pool.owned) >= 0
    assert pool.free + pool.idle + pool.pinned + pool.locked + pool.owned == pool.capacity
    assert len(pool.evictable) + len(pool.pinned_segments) + len(pool.locks) == len(pool.resident)
    assert set(pool.evictable) | pool.pinned_segments | set(pool.locks) == set(pool.resident)
    place = {segment: number for number, segment in enumerate(pool.evictable)}
    for segment in pool.resident:
        parent = pool.parent.get(segment)
        if parent in place:
            assert segment in place and place[segment] < place[parent], "a parent is behind its children"
    ended = pool.pins_used + pool.pins_expired + pool.pins_broken
    assert ended + len(pool.pins) <= pool.pins_made
    assert pool.owned == instance.reserved + sum(turn.owned for turn in instance.running)
    for turn in instance.running + instance.waiting:
        check_path(instance, turn)
    for turn in instance.running:
        covered = instance.match(turn) + turn.owned
        assert covered * instance.block_size >= turn.kv_tokens, "a running turn lacks blocks"


def check_time(instance: Instance) -> None:
    """What blocks were held for adds up to all of them all the time."""
    time = instance.pool.time
    held = time.prefill + time.decode + time.recompute + time.moving
    assert math.isclose(time.reused + time.wasted, time.idle, rel_tol=1e-9, abs_tol=1e-9)
    assert math.isclose(held + time.idle + time.unused, instance.pool.capacity * time.at_s, rel_tol=1e-9, abs_tol=1e-9)


def check_path(instance: Instance, turn: Turn) -> None:
    """A child has blocks only while its parent is wholly resident, and is evicted before it."""
    pool = instance.pool
    assert turn.locked == [segment.id for segment in turn.path[: len(turn.locked)]]
    for parent, child in pairwise(turn.path):
        assert parent.start + parent.length == child.start
        if child.id in pool.resident:
            assert pool.resident[parent.id] == parent.length
            if parent.id in pool.evictable:
                assert pool.evictable.index(child.id) < pool.evictable.index(parent.id)


def check_tokens(instance: Instance) -> None:
    """Tokens hit + tokens computed = tokens asked."""
    for turn in instance.running:
        assert turn.all_hits + turn.computed_tokens == turn.asked_tokens + turn.computed
    for turn in instance.waiting:
        assert turn.all_hits + turn.computed_tokens == turn.asked_tokens
    check_step(instance)
    assert len(instance.running) <= instance.spec.max_num_seqs
    assert (instance.step is None) == (not instance.running)


def check_step(instance: Instance) -> None:
    """An iteration keeps to the budget, and where prefills come first holds whole prompts, or decodes."""
    step = instance.step
    if step is None:
        return
    prompt_alone = instance.spec.mode == "prefill_first" and len(step.prefills) == 1
    assert step.n_tokens <= instance.spec.max_num_batched_tokens or prompt_alone
    if instance.spec.mode == "prefill_first":
        assert not step.prefills or not step.decodes
        assert all(cached + chunk == turn.target for turn, chunk, cached in step.prefills)


def check_run(instance: Instance) -> None:
    """The iteration in flight takes what the line of its run says."""
    if instance.run is not None and instance.step is not None:
        run, seconds = instance.run, instance.time_of(instance.step).seconds
        assert math.isclose(run.first_s + run.growth_s * run.j, seconds, rel_tol=1e-9)


def check_turns(orchestrator: Orchestrator, instances: Sequence[Instance], parked: Sequence[Turn]) -> None:
    """Every turn that is ready and has not ended is in one place, but for those that made their program fail."""
    places = [turn.id for instance in instances for turn in instance.running + instance.waiting]
    places += [turn.id for turn in parked]
    assert len(set(places)) == len(places)
    for turn in orchestrator.turns:
        live = turn.here and turn.end_s != turn.end_s
        assert (turn.id in places) == live or (live and orchestrator.programs[turn.program].state == "failed")
        if turn.end_s == turn.end_s:
            assert turn.generated == turn.output
            assert turn.all_hits + turn.computed_tokens == turn.asked_tokens
            assert turn.preemptions or turn.moves or turn.asked_tokens == turn.prompt


def check_programs(orchestrator: Orchestrator) -> None:
    """Programs that have arrived = held + active (busy or in a gap) + done + failed + rejected."""
    programs = orchestrator.programs
    arrived = [program for program in programs if program.arrival_s == program.arrival_s]
    assert len(arrived) == sum(program.state != "unborn" for program in programs)
    for program in arrived:
        assert (program.state in ("held", "active")) == (program.end_s != program.end_s)
        if program.state == "done":
            assert orchestrator.finished(program)
