"""Conservation laws that hold after every event (design, section 8)."""

import math
from itertools import pairwise

from tests.reference.batch.instance import Instance
from tests.reference.programs.turn import Turn
from tests.reference.world import World


def check(world: World) -> None:
    """Raise AssertionError if blocks, tokens, turns, programs or transfers have been lost or made."""
    for instance in world.instances:
        check_blocks(instance)
        check_tokens(instance)
        check_run(instance)
    check_turns(world)
    check_programs(world)
    check_pools(world)
    check_links(world)
    for instance in world.instances:
        check_loads(world, instance)
    # Whoever acts has called a tool, so that ticks for it do not go on for ever.
    assert not world.prefetcher.acting or world.events.more_to_come()


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


def check_time(world: World) -> None:
    """What blocks were held for adds up to all of them all the time."""
    for pool in (instance.pool for instance in world.instances):
        time = pool.time
        held = time.prefill + time.decode + time.recompute + time.moving
        assert math.isclose(time.reused + time.wasted, time.idle, rel_tol=1e-9, abs_tol=1e-9)
        assert math.isclose(held + time.idle + time.unused, pool.capacity * time.at_s, rel_tol=1e-9, abs_tol=1e-9)


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
    assert instance.computes == bool(instance.running)


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
    # What the other lane, and who shares the GPU, did when a run began is not known any more.
    alone = instance.lane is None and instance.spec.shares_gpu is None
    if instance.run is not None and instance.step is not None and alone:
        run, seconds = instance.run, instance.time_of(instance.step).seconds
        assert math.isclose(run.first_s + run.growth_s * run.j, seconds, rel_tol=1e-9)


def check_turns(world: World) -> None:
    """Every turn that is ready and has not ended is in one place, except those that made their program fail."""
    places = [turn.id for instance in world.instances for turn in instance.running + instance.waiting]
    places += [turn.id for turn in world.router.parked + world.gateway.paused]
    assert len(set(places)) == len(places)
    for turn in world.orchestrator.turns:
        live = turn.here and not turn.has_ended
        assert (turn.id in places) == live or (live and world.orchestrator.program(turn).state == "failed")
        if turn.has_ended:
            assert turn.generated == turn.output
            assert turn.all_hits + turn.computed_tokens == turn.asked_tokens
            assert turn.preemptions or turn.moves or turn.asked_tokens == turn.prompt


def check_programs(world: World) -> None:
    """Programs that have arrived = held + active (busy or in a gap) + done + failed + rejected."""
    programs = world.orchestrator.programs
    arrived = [program for program in programs if not math.isnan(program.arrival_s)]
    assert len(arrived) == sum(program.state != "unborn" for program in programs)
    for program in arrived:
        assert (program.state in ("held", "active")) == math.isnan(program.end_s)
        if program.state == "done":
            assert world.orchestrator.finished(program)


def check_pools(world: World) -> None:
    """Blocks of every pool below HBM are what was put there."""
    for shelf in (shelf for shelves in world.topology.shelves.values() for shelf in shelves):
        assert shelf.free >= 0
        assert all(run.first <= run.ready <= run.ready_end <= run.end for run in shelf.runs.values())
        assert {segment for segment, run in shelf.runs.items() if not run.locks} == set(shelf.released)


def check_links(world: World) -> None:
    """What is on every link, and in every staging buffer, is what was put there."""
    links = world.topology.links
    for link in links:
        assert link.asked_blocks == link.moved_blocks + sum(transfer.missing for transfer in link.queue)
    for source, blocks in world.copies.staged.items():
        staged = [t.missing for link in links for t in link.queue if t.staged and t.source == source]
        assert blocks == sum(staged) <= world.memory.staging_blocks


def check_loads(world: World, instance: Instance) -> None:
    """An instance keeps room for what is on its way to it, and the turns that wait for it know that."""
    transfers = [transfer for link in world.topology.links for transfer in link.queue]
    loads = {id(t.load): t.load for t in transfers if t.load is not None and not t.load.void}
    assert {id(load) for load in world.loads.on_way} == set(loads)
    mine = [load for load in loads.values() if load.instance == instance.number]
    assert instance.reserved == sum(load.end - load.match for load in mine)
    waiters = [turn.id for load in mine for turn in load.waiters]
    assert sorted(waiters) == sorted(turn.id for turn in instance.waiting if turn.loading)
