"""The iterations of a `mixed` instance: decodes and chunks of prefills side by side, as vLLM v1 forms them."""

from agentsim_env.engine.chunks import chunk_blocks, count_hit, jump, next_chunk, take_chunk
from agentsim_env.engine.component import NUMBER, component
from agentsim_env.engine.decisions import PREEMPT_TURN, SCHEDULE_TURN
from agentsim_env.engine.decodes import decode_blocks
from agentsim_env.engine.jit import compiled
from agentsim_env.engine.leaving import preempt
from agentsim_env.engine.lists import (
    first_ready,
    join_prefills,
    join_running,
    leave_waiting,
)
from agentsim_env.engine.prefix import fits, found, hit_tokens, matched
from agentsim_env.engine.residency import (
    available_blocks,
    evict,
    lock,
)
from agentsim_env.engine.scheduling import ASKED, next_turn, victim
from agentsim_env.engine.state import LOOK_UP, MAKE_ROOM, NONE, PREFILL, TAKE_WAITING
from agentsim_env.engine.tiers import begin_load


@compiled
def _running_blocks(state, i):
    """Blocks that all running turns of instance `i` need for the next iteration."""
    instance = state.instance[i]
    blocks = decode_blocks(state, i, 1)
    tokens = instance.n_decode
    s = instance.prefill_head
    while s != NONE:
        chunk = next_chunk(state, i, s, tokens)
        blocks += chunk_blocks(state, s, chunk, matched(state, s, found(state, i, s)))
        tokens += chunk
        s = state.slot[s].prefill_next
    return blocks


@compiled
def _look_up_prefills(state, i):
    """Step 1a: running prefills skip what they need not compute any more."""
    s = state.instance[i].prefill_head
    while s != NONE:
        jump(state, i, s)
        s = state.slot[s].prefill_next


@compiled
def _make_room(state, i):
    """Step 1b: turns are preempted while the running ones lack blocks.

    Returns the kind of the decision that someone outside has to make first, or NONE.
    """
    instance = state.instance[i]
    while _running_blocks(state, i) > available_blocks(state, i):
        s = victim(state, i)
        if s == ASKED:
            return PREEMPT_TURN
        preempt(state, i, s)
        instance.plan_preempted = 1
    return NONE


@compiled
def _schedule_running(state, i):
    """Step 1c: running turns get their tokens and blocks."""
    instance = state.instance[i]
    blocks = decode_blocks(state, i, 1)
    evict(state, i, blocks)
    state.pool[i].used += blocks
    instance.iteration += 1
    instance.kv_tokens += instance.n_decode
    tokens = instance.n_decode
    s = instance.prefill_head
    while s != NONE:
        chunk = next_chunk(state, i, s, tokens)
        take_chunk(state, i, s, chunk, matched(state, s, found(state, i, s)))
        tokens += chunk
        s = state.slot[s].prefill_next
    instance.plan_tokens = tokens


@compiled
def _admit(state, i, s, r, match, tokens):
    """Move the head of the queue into the batch; its path has `match` blocks, down to record `r`. Returns its chunk."""
    instance = state.instance[i]
    slot = state.slot[s]
    leave_waiting(state, i, s)
    join_running(state, i, s)
    join_prefills(state, i, s)
    slot.state = PREFILL
    slot.sequence = instance.sequence
    instance.sequence += 1
    lock(state, r)
    slot.locked = r
    slot.computed = hit_tokens(state, s, match)
    instance.asked_tokens += slot.target
    count_hit(state, i, s, slot.computed)
    run = state.turn_run[slot.turn]
    if run.scheduled_s != run.scheduled_s:
        run.scheduled_s = state.world[0].now_s
    chunk = next_chunk(state, i, s, tokens)
    take_chunk(state, i, s, chunk, match)
    return chunk


@compiled
def _schedule_waiting(state, i):
    """Step 2: waiting turns join while budget, sequences and blocks for their whole prompt allow.

    One whose prefix is below HBM lets it be brought up and does not keep the others waiting.

    Returns the kind of the decision that someone outside has to make first, or NONE.
    """
    instance = state.instance[i]
    while (
        first_ready(state, i) != NONE
        and instance.plan_tokens < instance.max_tokens
        and instance.n_running < instance.max_num_seqs
    ):
        s = next_turn(state, i)
        if s == ASKED:
            return SCHEDULE_TURN
        if s == NONE:
            break
        r = found(state, i, s)
        match = matched(state, s, r)
        if not fits(state, i, s, r, match):
            break
        if instance.lower != NONE and begin_load(state, i, s, r, match):
            continue
        instance.plan_tokens += _admit(state, i, s, r, match, instance.plan_tokens)
    return NONE


@component(NUMBER, NUMBER)
def form_mixed(state, i):
    """Form the next iteration of a `mixed` instance.

    Returns the kind of the decision that someone outside has to make first, or NONE when it is done. Called again with
    the answer, it goes on where it stopped.
    """
    instance = state.instance[i]
    if instance.stage == LOOK_UP:
        _look_up_prefills(state, i)
        instance.plan_preempted = 0
        instance.stage = MAKE_ROOM
    if instance.stage == MAKE_ROOM:
        asked = _make_room(state, i)
        if asked != NONE:
            return asked
        _schedule_running(state, i)
        instance.stage = TAKE_WAITING
    # Nothing would wake an instance that has preempted its only turn.
    if not instance.plan_preempted or instance.n_running == 0:
        asked = _schedule_waiting(state, i)
        if asked != NONE:
            return asked
    instance.stage = LOOK_UP
    return NONE
