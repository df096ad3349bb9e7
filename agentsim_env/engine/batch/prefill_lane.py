"""The prefill lane of an instance with two lanes: one prompt at a time, chunk after chunk, beside the decodes.

What it computes is published when it has been computed: the decode lane must not read what is not there yet. Blocks for
the whole prompt are its turn's from the beginning, so that it never comes to lack any.
"""

from agentsim_env.engine.batch.decodes import begin_decode
from agentsim_env.engine.batch.prefill_chunk import jump
from agentsim_env.engine.core import events
from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.prefix_lookup import ceil_blocks, found, matched
from agentsim_env.engine.eviction.room import make_room
from agentsim_env.engine.latency.lane_shares import chunk_alone_s, prefill_share, throughput
from agentsim_env.engine.residency.residency import depth_blocks, lock, publish, unlock


@compiled
def prompt_blocks(state, i, s):
    """Blocks of a turn's target that its path does not have on instance `i`."""
    match = matched(state, s, found(state, i, s))
    return max(0, ceil_blocks(state.slot[s].target, state.world[0].block_size) - match)


@compiled
def _own_rest(state, i, s):
    """The turn in the lane owns what its path lacks of its target."""
    slot = state.slot[s]
    slot.owned = prompt_blocks(state, i, s)
    state.pool[i].used += slot.owned


@compiled
def begin_chunk(state, i):
    """The next iteration of the prefill lane, if a turn is there and none is in flight; `time_prefill` is to follow."""
    lanes, instance = state.lanes[i], state.instance[i]
    if lanes.prefilling == NONE or state.slot[lanes.prefilling].chunk > 0:
        return
    slot = state.slot[lanes.prefilling]
    slot.chunk = min(slot.target - slot.computed, instance.max_num_batched_tokens)
    lanes.chunk_s = lanes.left_s = chunk_alone_s(state, i, slot.chunk, slot.computed)
    lanes.speed = 0.0
    slot.computed += slot.chunk
    state.turn_run[slot.turn].computed_tokens += slot.chunk
    instance.prefill_tokens += slot.chunk
    instance.prefill_lane_iterations += 1


@component(NOTHING, NUMBER, NUMBER)
def begin_prompt(state, i, s):
    """A turn that has joined the batch goes to the prefill lane, which is idle."""
    make_room(state, i, prompt_blocks(state, i, s))
    _own_rest(state, i, s)
    state.slot[s].in_prefill_lane = 1
    state.slot[s].chunk = 0
    state.lanes[i].prefilling = s
    state.instance[i].peak_blocks = max(state.instance[i].peak_blocks, state.pool[i].used)


@component(NOTHING, NUMBER)
def time_prefill(state, i):
    """When the iteration in the prefill lane ends: told for the first time, or anew where its share has changed."""
    lanes, instance, now_s = state.lanes[i], state.instance[i], state.world[0].now_s
    if lanes.prefilling == NONE:
        return
    share = prefill_share(state, i)
    speed = throughput(state, share)
    if lanes.speed == 0.0:
        lanes.since_s = now_s + instance.owed_s
        instance.owed_s = 0.0
    elif share == lanes.prefill_bound:
        return
    else:
        events.withdraw(state, events.PREFILL_END, i)
        lanes.left_s = max(0.0, lanes.left_s - max(0.0, now_s - lanes.since_s) * lanes.speed)
        lanes.since_s = max(now_s, lanes.since_s)
    if share != lanes.prefill_bound:
        lanes.prefill_bound = share
        if lanes.partition:
            lanes.since_s += lanes.rebind_s
            instance.rebinds += 1
    if lanes.speed == 0.0:
        lanes.began_s = lanes.since_s
    lanes.speed = speed
    events.push(state, lanes.since_s + lanes.left_s / speed, events.PREFILL_END, i)


@compiled
def _leave_ended(state, i, s):
    """Take a turn out of the list of those whose prefill has ended in the lane."""
    lanes = state.lanes[i]
    before, at = NONE, lanes.ended_head
    while at != s:
        before, at = at, state.slot[at].prefill_next
    after = state.slot[s].prefill_next
    if before == NONE:
        lanes.ended_head = after
    else:
        state.slot[before].prefill_next = after
    if lanes.ended_tail == s:
        lanes.ended_tail = before


@component(NUMBER, NUMBER, NUMBER)
def leave_prefill_lane(state, i, s):
    """Take a turn out of the prefill lane; returns the tokens of it that have been computed.

    What of a chunk is in flight is lost, and counts as computed.
    """
    lanes, slot = state.lanes[i], state.slot[s]
    slot.in_prefill_lane = 0
    if lanes.prefilling != s:
        _leave_ended(state, i, s)
        return slot.computed
    if slot.chunk > 0:
        events.withdraw(state, events.PREFILL_END, i)
        state.instance[i].prefill_lane_s += max(0.0, state.world[0].now_s - lanes.began_s)
    lanes.prefilling = NONE
    return slot.computed - slot.chunk


@compiled
def _publish_chunk(state, i, s):
    """What the lane has computed of a turn is there for others; what others have published meanwhile is skipped."""
    slot, size = state.slot[s], state.world[0].block_size
    state.pool[i].used -= slot.owned
    slot.owned = 0
    if slot.computed >= size:
        lowest = publish(state, state.turn[slot.turn].segment, i, slot.computed // size)
        if lowest != slot.locked and depth_blocks(state, lowest) > depth_blocks(state, slot.locked):
            lock(state, lowest)
            unlock(state, slot.locked)
            slot.locked = lowest
    if slot.computed < slot.target:
        jump(state, i, s)
    _own_rest(state, i, s)


@component(NUMBER, NUMBER)
def end_chunk(state, i):
    """The iteration in the prefill lane has ended; returns the turn whose prefill has, or NONE.

    The instance is synchronised, and is to form what its lanes do next.
    """
    lanes, instance = state.lanes[i], state.instance[i]
    s = lanes.prefilling
    slot = state.slot[s]
    instance.prefill_lane_s += state.world[0].now_s - lanes.began_s
    _publish_chunk(state, i, s)
    slot.chunk = 0
    if slot.computed < slot.target:
        return NONE
    lanes.prefilling = NONE
    slot.prefill_next = NONE
    if lanes.ended_tail == NONE:
        lanes.ended_head = s
    else:
        state.slot[lanes.ended_tail].prefill_next = s
    lanes.ended_tail = s
    return s


@compiled
def begin_decodes(state, i):
    """Turns whose prefill has ended in the prefill lane decode in the iteration that is being formed."""
    lanes = state.lanes[i]
    s = lanes.ended_head
    lanes.ended_head = lanes.ended_tail = NONE
    while s != NONE:
        after = state.slot[s].prefill_next
        state.slot[s].in_prefill_lane = 0
        begin_decode(state, i, s)
        s = after
