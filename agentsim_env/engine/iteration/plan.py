"""Form the next iteration of an instance, and leap over those that look the same.

`docs/semantics.md`, "One iteration of an instance" and "Runs", is the specification.
"""

from agentsim_env.engine.batch.decodes import decode_blocks
from agentsim_env.engine.batch.prefill_lane import begin_chunk, time_prefill
from agentsim_env.engine.batch.runs import cut, synchronise
from agentsim_env.engine.batch.shared_gpu import cut_others, take_turns
from agentsim_env.engine.core import events
from agentsim_env.engine.core.component import NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE, PREFILL_FIRST, TWO_LANES
from agentsim_env.engine.eviction.prefix_lookup import ceil_blocks
from agentsim_env.engine.eviction.room import blocks_for_run
from agentsim_env.engine.iteration.async_scheduling import form_async
from agentsim_env.engine.iteration.mixed import form_mixed
from agentsim_env.engine.iteration.prefill_first import form_prefill_first
from agentsim_env.engine.iteration.two_lanes import form_two_lanes
from agentsim_env.engine.latency.iteration_time import run_end_s, time_run
from agentsim_env.engine.latency.lane_shares import decode_share, slow_down
from agentsim_env.engine.residency.kv_time import charge


@compiled
def _equal_chunks(state, i, s):
    """Iterations in which the only prefill takes as much as in the first and nobody could be computed beside it."""
    instance, slot = state.instance[i], state.slot[s]
    rest = slot.target - slot.computed
    if not instance.async_scheduling:
        return ceil_blocks(rest, slot.chunk)
    # Who joins does so an iteration ahead. It was given less than the whole rest of the budget if a turn has ended.
    fills = slot.chunk == instance.max_num_batched_tokens - instance.n_decode
    return rest // slot.chunk if fills else 1


@compiled
def _leap(state, i):
    """How many iterations the run may have before its composition changes."""
    instance = state.instance[i]
    s = instance.prefill_head
    iterations = 1 << 30
    if s != NONE:
        slot = state.slot[s]
        if slot.prefill_next != NONE or slot.ahead > 0:
            return 1
        iterations = _equal_chunks(state, i, s)
        if iterations <= 1:
            return 1
        # A train: this prefill takes all that is left of the budget in each iteration until its last chunk.
        instance.train_chunk = slot.chunk
    if instance.n_decode > 0:
        iterations = min(iterations, state.finish[i, 0].finish - instance.iteration + 1)
    if iterations > 1:
        iterations = _leap_within_memory(state, i, iterations)
    return iterations


@compiled
def _run_blocks(state, i, iterations):
    """Blocks that the run of instance `i` needs for `iterations` more iterations."""
    blocks = decode_blocks(state, i, iterations)
    chunk = state.instance[i].train_chunk
    if chunk > 0:
        size = state.world[0].block_size
        computed = state.slot[state.instance[i].prefill_head].computed
        blocks += ceil_blocks(computed + chunk * iterations, size) - ceil_blocks(computed, size)
    return blocks


@compiled
def _leap_within_memory(state, i, iterations):
    """The largest part of a run whose blocks are available; the first iteration has its blocks already."""
    available = blocks_for_run(state, i)
    if _run_blocks(state, i, iterations - 1) <= available:
        return iterations
    low, high = 0, iterations - 1  # more iterations: `low` fit, `high` do not
    while high - low > 1:
        middle = (low + high) // 2
        if _run_blocks(state, i, middle) <= available:
            low = middle
        else:
            high = middle
    return 1 + low


@compiled
def _begin_run(state, i):
    """The iteration is formed: leap over those that look the same, or be idle if it is empty."""
    world = state.world[0]
    instance = state.instance[i]
    worked = instance.running
    if instance.n_running == 0 or (instance.mode == TWO_LANES and instance.plan_tokens == 0):
        instance.running = 0
        events.clear_due(state, i)
        if world.shares_gpus and worked:
            cut_others(state, i)
        return
    instance.running = 1
    instance.run_base_s = world.now_s + instance.owed_s
    instance.owed_s = 0.0
    instance.run_scheduled = 1
    # After a preemption nobody was admitted: the next iteration may look different.
    instance.train_chunk = 0
    alone = instance.plan_preempted or instance.plan_loaded
    instance.plan_loaded = 0
    instance.run_length = time_run(state, i, 1 if alone else _leap(state, i))
    if world.shares_gpus:
        take_turns(state, i)
        if not worked:
            cut_others(state, i)
    if instance.mode == TWO_LANES:
        _share_gpu(state, i)
    instance.peak_blocks = max(instance.peak_blocks, state.pool[i].used)
    events.set_due(state, i, run_end_s(state, i, instance.run_length))


@compiled
def _share_gpu(state, i):
    """The run that begins is that of a lane: it takes longer on its share of the GPU, and waits to be bound to it."""
    instance, lanes = state.instance[i], state.lanes[i]
    share = decode_share(state, i)
    slow_down(state, i, share)
    if share != lanes.decode_bound:
        lanes.decode_bound = share
        if lanes.partition:
            instance.run_base_s += lanes.rebind_s
            instance.rebinds += 1


@compiled
def _plan_lanes(state, i):
    """Form what the lanes of instance `i` that are idle begin; the decode lane may be in the middle of a run."""
    instance, lanes = state.instance[i], state.lanes[i]
    synchronise(state, i)
    charge(state, i)
    taken = lanes.prefilling
    asked = form_two_lanes(state, i)
    if asked != NONE:
        return asked
    begin_chunk(state, i)
    if not instance.running:
        _begin_run(state, i)
    elif lanes.prefilling != taken:
        cut(state, i)
    time_prefill(state, i)
    return NONE


@component(NUMBER, NUMBER)
def plan(state, i):
    """Form the next iteration of instance `i` and the run that it begins, or leave the instance idle.

    Returns the kind of the decision that someone outside has to make first, or NONE when it is done. Called again with
    the answer, it goes on where it stopped.
    """
    instance = state.instance[i]
    if instance.mode == TWO_LANES:
        return _plan_lanes(state, i)
    charge(state, i)
    if instance.async_scheduling:
        asked = form_async(state, i)
    else:
        asked = form_prefill_first(state, i) if instance.mode == PREFILL_FIRST else form_mixed(state, i)
    if asked != NONE:
        return asked
    _begin_run(state, i)
    return NONE
