"""The iterations of an instance that schedules a step ahead, as vLLM does from 0.14 on.

An iteration is formed while the one before it is computed. So who joins when one is formed is computed in the next, and
only a batch in which nothing runs takes turns at once.
"""

from agentsim_env.engine.batch.decodes import next_decode_blocks
from agentsim_env.engine.batch.prefill_chunk import chunk_blocks
from agentsim_env.engine.core.component import NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import LOOK_UP, MAKE_ROOM, NONE, PREFILL_FIRST, TAKE_AHEAD, TAKE_WAITING
from agentsim_env.engine.eviction.prefix_lookup import found, matched
from agentsim_env.engine.iteration.join_batch import schedule_waiting
from agentsim_env.engine.iteration.running_turns import have_room, look_up_prefills, schedule_running


@compiled
def _prompts_ahead(state, i):
    """Whether turns have joined for the iteration being formed; these are the last of the prefills."""
    s = state.instance[i].prefill_tail
    return s != NONE and state.slot[s].ahead > 0


@compiled
def _compute_ahead(state, i):
    """What was scheduled ahead is computed now."""
    instance = state.instance[i]
    s = instance.prefill_head
    while s != NONE:
        slot = state.slot[s]
        if slot.ahead > 0:
            slot.chunk, slot.ahead = slot.ahead, 0
            instance.plan_tokens += slot.chunk
        s = slot.prefill_next


@compiled
def _blocks_next(state, i, s):
    """Blocks that a prefill of this iteration will need in the next: for the rest of its target, or to decode."""
    slot = state.slot[s]
    if slot.computed < slot.target:
        return chunk_blocks(state, s, slot.target - slot.computed, matched(state, s, found(state, i, s)))
    return 1 if slot.target % state.world[0].block_size == 0 else 0


@compiled
def _look_ahead(state, i):
    """From now on turns join for the next iteration, in which those of this one count for what they may take."""
    instance = state.instance[i]
    instance.stage = TAKE_AHEAD
    instance.plan_tokens = 0
    if instance.mode == PREFILL_FIRST:
        return
    instance.plan_tokens = instance.n_decode
    instance.kept_for_next = next_decode_blocks(state, i)
    s = instance.prefill_head
    while s != NONE:
        instance.plan_tokens += max(1, state.slot[s].target - state.slot[s].computed)
        instance.kept_for_next += _blocks_next(state, i, s)
        s = state.slot[s].prefill_next


@compiled
def _count(state, i):
    """Count an iteration that turns have joined at once."""
    instance = state.instance[i]
    if instance.mode == PREFILL_FIRST:
        instance.prefills_only = 1
        instance.prefill_iterations += 1
    else:
        instance.iteration += 1


@component(NUMBER, NUMBER)
def form_async(state, i):
    """Form the next iteration of an instance of any mode with `async_scheduling`.

    Returns the kind of the decision that someone outside has to make first, or NONE when it is done. Called again with
    the answer, it goes on where it stopped.
    """
    instance = state.instance[i]
    if instance.stage == LOOK_UP:
        instance.plan_preempted = 0
        instance.plan_tokens = 0
        instance.prefills_only = 0
        if instance.mode == PREFILL_FIRST and _prompts_ahead(state, i):
            _compute_ahead(state, i)
            _count(state, i)
            _look_ahead(state, i)
        else:
            look_up_prefills(state, i)
            instance.stage = MAKE_ROOM
    if instance.stage == MAKE_ROOM:
        asked = have_room(state, i)
        if asked != NONE:
            return asked
        if instance.n_running == 0:
            instance.stage = TAKE_WAITING
        else:
            schedule_running(state, i)
            _compute_ahead(state, i)
            if not instance.plan_preempted:
                _look_ahead(state, i)
    if instance.stage == TAKE_WAITING:
        asked = schedule_waiting(state, i)
        if asked != NONE:
            return asked
        if instance.n_running > 0:
            _count(state, i)
            _look_ahead(state, i)
    if instance.stage == TAKE_AHEAD:
        asked = schedule_waiting(state, i)
        if asked != NONE:
            return asked
    instance.kept_for_next = 0
    instance.stage = LOOK_UP
    return NONE
