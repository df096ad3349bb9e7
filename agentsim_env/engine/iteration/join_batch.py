"""Waiting turns that join the batch of an instance."""

from agentsim_env.engine.batch.handover import let_go
from agentsim_env.engine.batch.prefill_chunk import chunk_blocks, first_chunk, joins_now, take_chunk
from agentsim_env.engine.batch.prefill_lane import begin_prompt, prompt_blocks
from agentsim_env.engine.core.asking import ASKED
from agentsim_env.engine.core.decisions import SCHEDULE_TURN
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import first_ready, join_prefills, join_running, leave_waiting
from agentsim_env.engine.core.state import NONE, PREFILL, TAKE_AHEAD, TAKE_PROMPT, TWO_LANES
from agentsim_env.engine.core.times import has_happened
from agentsim_env.engine.eviction.prefix_lookup import fits, found, hit_tokens, matched
from agentsim_env.engine.eviction.victims import free_up
from agentsim_env.engine.loads.loads import begin_load, set_out
from agentsim_env.engine.residency.adapters import lock_adapter
from agentsim_env.engine.residency.hits import begin_stay, count_hit
from agentsim_env.engine.residency.pins import use_pins
from agentsim_env.engine.residency.residency import lock
from agentsim_env.engine.scheduling.scheduling import next_turn
from agentsim_env.engine.tiers.prefetch_subjects import use_ahead


@compiled
def _take_over(state, i, s):
    """A turn from a prefill instance joins: what it finds is no hit, it was computed for it."""
    state.instance[i].asked_tokens -= state.slot[s].computed
    state.slot[s].handed = 0
    let_go(state, s)


@compiled
def _join(state, i, s, r, match, chunk):
    """Move a waiting turn into the batch for `chunk` tokens; its path has `match` blocks, down to record `r`."""
    instance = state.instance[i]
    slot = state.slot[s]
    instance.reordered += s != first_ready(state, i)
    leave_waiting(state, i, s)
    join_running(state, i, s)
    if instance.stage != TAKE_PROMPT:
        join_prefills(state, i, s)
        instance.merged_prefills += instance.mode == TWO_LANES
    slot.state = PREFILL
    slot.sequence = instance.sequence
    instance.sequence += 1
    lock(state, r)
    slot.locked = r
    use_pins(state, i, slot.turn)
    slot.computed = hit_tokens(state, s, match)
    instance.asked_tokens += slot.target
    begin_stay(state, i, s)
    if slot.handed:
        _take_over(state, i, s)
    else:
        count_hit(state, i, s, slot.computed)
    if state.world[0].prefetches:
        use_ahead(state, i, slot.program, match, slot.lacked_adapter)
    if state.world[0].has_adapters:
        lock_adapter(state, i, s)
    run = state.turn_run[slot.turn]
    if not has_happened(run.scheduled_s):
        run.scheduled_s = state.world[0].now_s
    slot.chunk = chunk
    instance.joining = s


@compiled
def _take_first_chunk(state, i):
    """Schedule the first tokens of the turn that joins.

    Returns the kind of the decision that someone outside has to make first, or NONE.
    """
    instance = state.instance[i]
    s = instance.joining
    if instance.stage == TAKE_PROMPT:
        asked = free_up(state, i, prompt_blocks(state, i, s))
        if asked != NONE:
            return asked
        begin_prompt(state, i, s)
        instance.joining = NONE
        return NONE
    chunk = state.slot[s].chunk
    match = matched(state, s, found(state, i, s))
    asked = free_up(state, i, chunk_blocks(state, s, chunk, match))
    if asked != NONE:
        return asked
    take_chunk(state, i, s, chunk, match)
    instance.plan_tokens += chunk
    if instance.stage == TAKE_AHEAD:
        state.slot[s].chunk, state.slot[s].ahead = 0, chunk
    instance.joining = NONE
    return NONE


@compiled
def _note_held_back(state, i, s):
    """Nobody joins any more: the choice of `s`, or of none, has held the head of the queue back if it could have."""
    head = first_ready(state, i)
    if s != head and joins_now(state, i, head):
        state.instance[i].held_back += 1


@compiled
def _takes_another(state, i):
    """Whether tokens are left for another turn: of the iteration's budget, or the prefill lane, which takes one."""
    instance = state.instance[i]
    if instance.stage == TAKE_PROMPT:
        return state.lanes[i].prefilling == NONE
    return instance.plan_tokens < instance.max_num_batched_tokens


@compiled
def schedule_waiting(state, i):
    """Waiting turns join while budget, sequences and blocks for their whole prompt allow.

    One whose prefix is below HBM lets it be brought up and does not keep the others waiting.

    Returns the kind of the decision that someone outside has to make first, or NONE.
    """
    instance = state.instance[i]
    asked = set_out(state, i)
    if asked == NONE and instance.joining != NONE:
        asked = _take_first_chunk(state, i)
    if asked != NONE:
        return asked
    while first_ready(state, i) != NONE and _takes_another(state, i) and instance.n_running < instance.max_num_seqs:
        s = next_turn(state, i)
        if s == ASKED:
            return SCHEDULE_TURN
        if s == NONE:
            _note_held_back(state, i, s)
            break
        r = found(state, i, s)
        match = matched(state, s, r)
        if not fits(state, i, s, r, match):
            _note_held_back(state, i, s)
            break
        if state.world[0].has_links and begin_load(state, i, s, r, match):
            asked = set_out(state, i)
            if asked != NONE:
                return asked
            continue
        chunk = first_chunk(state, i, s, match)
        if chunk == 0:
            _note_held_back(state, i, s)
            break
        _join(state, i, s, r, match, chunk)
        asked = _take_first_chunk(state, i)
        if asked != NONE:
            return asked
    return NONE
