"""The turns in the batch of an instance: room and tokens for each of them in the next iteration."""

from agentsim_env.engine.batch.decodes import next_decode_blocks
from agentsim_env.engine.batch.leave_batch import preempt
from agentsim_env.engine.batch.prefill_chunk import chunk_blocks, jump, next_chunk, take_chunk
from agentsim_env.engine.core.asking import ASKED
from agentsim_env.engine.core.decisions import PREEMPT_TURN
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.prefix_lookup import found, matched
from agentsim_env.engine.eviction.room import blocks_for_running, make_room
from agentsim_env.engine.eviction.victims import free_up
from agentsim_env.engine.scheduling.scheduling import victim


@compiled
def _running_blocks(state, i):
    """Blocks that all running turns of instance `i` need for the next iteration."""
    instance = state.instance[i]
    blocks = next_decode_blocks(state, i)
    tokens = instance.n_decode
    s = instance.prefill_head
    while s != NONE and state.slot[s].ahead == 0:
        chunk = next_chunk(state, i, s, tokens)
        blocks += chunk_blocks(state, s, chunk, matched(state, s, found(state, i, s)))
        tokens += chunk
        s = state.slot[s].prefill_next
    return blocks


@compiled
def look_up_prefills(state, i):
    """Step 1a: running prefills skip what they need not compute any more."""
    s = state.instance[i].prefill_head
    while s != NONE and state.slot[s].ahead == 0:
        jump(state, i, s)
        s = state.slot[s].prefill_next


@compiled
def have_room(state, i):
    """Step 1b: turns are preempted while the running ones lack blocks, and what is idle gives way to them.

    Returns the kind of the decision that someone outside has to make first, or NONE.
    """
    instance = state.instance[i]
    while _running_blocks(state, i) > blocks_for_running(state, i):
        s = victim(state, i)
        if s == ASKED:
            return PREEMPT_TURN
        preempt(state, i, s)
        instance.plan_preempted = 1
    if not state.world[0].timed_eviction:
        return NONE
    return free_up(state, i, _running_blocks(state, i))


@compiled
def schedule_running(state, i):
    """Step 1c: running turns get their tokens and blocks."""
    instance = state.instance[i]
    blocks = next_decode_blocks(state, i)
    make_room(state, i, blocks)
    state.pool[i].used += blocks
    instance.iteration += 1
    instance.kv_tokens += instance.n_decode
    tokens = instance.n_decode
    s = instance.prefill_head
    while s != NONE and state.slot[s].ahead == 0:
        chunk = next_chunk(state, i, s, tokens)
        take_chunk(state, i, s, chunk, matched(state, s, found(state, i, s)))
        tokens += chunk
        s = state.slot[s].prefill_next
    instance.plan_tokens = tokens
