"""Continuous batching of one instance: runs of iterations, how they are cut, and how they take effect.

`engine/iteration/plan.py` begins them.
"""

from agentsim_env.engine.batch.decodes import begin_decode, decode_blocks, decoding
from agentsim_env.engine.batch.prefill_chunk import chunk_blocks, take_chunk
from agentsim_env.engine.core import events
from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import (
    join_to_plan,
    leave_prefills,
)
from agentsim_env.engine.core.state import NONE, PREFILL_MODE, TWO_LANES
from agentsim_env.engine.core.times import has_happened
from agentsim_env.engine.eviction.prefix_lookup import ceil_blocks, found, matched
from agentsim_env.engine.eviction.room import make_room
from agentsim_env.engine.latency.iteration_time import iterations_begun, run_end_s
from agentsim_env.engine.latency.lane_shares import note_share
from agentsim_env.engine.residency.kv_time import DECODE, IDLE, WASTED, charge, in_prefill_lane, share_again, split
from agentsim_env.engine.residency.residency import free_blocks


@compiled
def _charge_until(state, i, time_s, later_s):
    """Charge what is idle up to a time in the middle of a run, from which on evictions are timed.

    Blocks that have given way in the meantime were not idle for `later_s` block-seconds before it.
    """
    pool = state.pool[i]
    state.block_s[i, IDLE] += (pool.idle + pool.pinned) * (time_s - pool.charged_s) - later_s
    state.block_s[i, WASTED] -= later_s
    state.world[0].kv_s = pool.charged_s = time_s


@component(NOTHING, NUMBER, NUMBER)
def _charge_decodes(state, i, more):
    """Charge the blocks in use up to the last of the further iterations of a run, each of which takes more of them.

    Blocks that are taken in an iteration count for all that follow, number j of the run for `first + slope * j`
    seconds: sums of whole numbers are what is left to do for each of them.
    """
    instance, pool = state.instance[i], state.pool[i]
    free, size = free_blocks(state, i), state.world[0].block_size
    blocks = 0
    n, n_weighted = 0, 0  # blocks x iterations, and blocks x numbers of iterations, of what is taken
    later, later_weighted = 0, 0  # of what finds nothing free
    at = (-instance.iteration) % size
    for j in range(instance.run_scheduled, instance.run_scheduled + more - 1):
        blocks += state.residue[i, at]
        at = at - 1 if at > 0 else size - 1
        beyond = max(0, blocks - free)
        n += blocks
        n_weighted += blocks * j
        later += beyond
        later_weighted += beyond * j
    first_s, slope_s = instance.run_first_s, instance.run_slope_s
    time_s = run_end_s(state, i, instance.run_scheduled + more - 1)
    in_use = pool.used - pool.idle - pool.pinned
    state.block_s[i, DECODE] += in_use * (time_s - pool.charged_s) + (first_s * n + slope_s * n_weighted)
    _charge_until(state, i, time_s, first_s * later + slope_s * later_weighted)


@component(NOTHING, NUMBER, NUMBER)
def _charge_train(state, i, more):
    """The same for a run that carries a prefill, which takes more in each iteration, or has one in the other lane."""
    instance, pool, s = state.instance[i], state.pool[i], state.instance[i].prefill_head
    free, size = free_blocks(state, i), state.world[0].block_size
    in_use = pool.used - pool.idle - pool.pinned
    first, again, ended = in_prefill_lane(state, i)
    decode, computed, share = ended + instance.kv_tokens, 0, 0.0
    if instance.train_chunk > 0:
        computed, share = state.slot[s].computed, share_again(state, s)
    time_s, later_s, blocks = pool.charged_s, 0.0, 0
    for j in range(more):
        began_s = time_s
        time_s = run_end_s(state, i, instance.run_scheduled + j)
        block_s = (in_use + blocks) * (time_s - began_s)
        later_s += max(0, blocks - free) * (time_s - began_s)
        split(state.block_s[i], block_s, first + computed * (1.0 - share), again + computed * share, decode)
        blocks += state.residue[i, (-(instance.iteration + j)) % size]
        blocks += ceil_blocks(computed + instance.train_chunk, size) - ceil_blocks(computed, size)
        decode += instance.n_decode
        computed += instance.train_chunk
    _charge_until(state, i, time_s, later_s)


@component(NOTHING, NUMBER, NUMBER)
def catch_up(state, i, iterations):
    """Schedule the iterations of the run up to number `iterations` in the state."""
    instance = state.instance[i]
    more = iterations - instance.run_scheduled
    if more <= 0:
        return
    if state.world[0].token_seconds:
        if instance.train_chunk > 0 or (instance.mode == TWO_LANES and state.lanes[i].prefilling != NONE):
            _charge_train(state, i, more)
        else:
            _charge_decodes(state, i, more)
    blocks = decode_blocks(state, i, more)
    if instance.train_chunk > 0:
        s = instance.prefill_head
        train = instance.train_chunk * more
        match = matched(state, s, found(state, i, s))
        make_room(state, i, blocks + chunk_blocks(state, s, train, match))
        take_chunk(state, i, s, train, match)
        state.slot[s].chunk = instance.train_chunk
    else:
        make_room(state, i, blocks)
    state.pool[i].used += blocks
    instance.iteration += more
    instance.kv_tokens += more * instance.n_decode
    instance.run_scheduled = iterations
    if state.world[0].token_seconds:
        state.world[0].kv_s = state.world[0].now_s
    instance.peak_blocks = max(instance.peak_blocks, state.pool[i].used)


@component(NOTHING, NUMBER)
def synchronise(state, i):
    """Bring an instance that is in the middle of a run up to now, for somebody who looks at its cache."""
    if state.instance[i].running and state.instance[i].run_scheduled < state.instance[i].run_length:
        catch_up(state, i, iterations_begun(state, i, state.world[0].now_s))


@component(NOTHING, NUMBER)
def cut(state, i):
    """End the run of an instance, if it is in one, with the iteration in flight."""
    instance = state.instance[i]
    if instance.running and instance.run_length > 1:
        begun = iterations_begun(state, i, state.world[0].now_s)
        if begun < instance.run_length:
            catch_up(state, i, begun)
            instance.run_length = begun
            events.set_due(state, i, run_end_s(state, i, begun))


@component(NOTHING, NUMBER)
def wake(state, i):
    """A turn has joined the queue of instance `i`: begin an iteration, or cut the run so that it is considered."""
    instance = state.instance[i]
    if instance.mode == TWO_LANES:
        events.arm_budgets(state)
    if not instance.running:
        join_to_plan(state, i)
        return
    if instance.mode == TWO_LANES and state.lanes[i].prefilling == NONE:
        join_to_plan(state, i)
    if instance.train_chunk == 0 and instance.n_running < instance.max_num_seqs:
        cut(state, i)


@compiled
def give_token(state, i, s):
    """The prefill of a turn has ended, and yields a token: its first, if it has had none before."""
    slot = state.slot[s]
    slot.generated += 1
    state.instance[i].decode_tokens += 1
    run = state.turn_run[slot.turn]
    if not has_happened(run.first_token_s):
        run.first_token_s = state.world[0].now_s


@compiled
def next_ended(state, i):
    """After a run: the next turn that leaves the batch, or NONE. Ended prefills come first, in order of admission.

    It has all its output, or is to decode elsewhere. Other prefills that ended begin to decode on the way.
    """
    instance = state.instance[i]
    s = instance.prefill_head
    while s != NONE and state.slot[s].ahead == 0 and state.slot[s].computed == state.slot[s].target:
        slot = state.slot[s]
        give_token(state, i, s)
        if slot.generated == state.turn[slot.turn].output_tokens or instance.mode == PREFILL_MODE:
            return s
        leave_prefills(state, i, s)
        begin_decode(state, i, s)
        s = instance.prefill_head
    if instance.n_decode > 0 and state.finish[i, 0].finish <= instance.iteration:
        return state.finish[i, 0].slot
    return NONE


@compiled
def end_run(state, i):
    """The run of instance `i` has ended: everything that it scheduled is computed."""
    instance = state.instance[i]
    decodes = decoding(state, i)
    catch_up(state, i, instance.run_length)
    charge(state, i)
    instance.busy_s += state.world[0].now_s - instance.run_base_s
    if instance.mode == TWO_LANES:
        note_share(state, i, state.world[0].now_s - instance.run_base_s)
    instance.decode_tokens += decodes * instance.run_length
