"""Continuous batching of one instance, as vLLM v1 does it: form an iteration, leap over a run, let it take effect.

`docs/semantics.md`, "One iteration of an instance", is the specification.
"""

from agentsim_env.engine import events
from agentsim_env.engine.component import NOTHING, NUMBER, component
from agentsim_env.engine.decisions import PREEMPT_TURN, SCHEDULE_TURN
from agentsim_env.engine.jit import compiled
from agentsim_env.engine.latency import iterations_begun, run_end_s, time_run
from agentsim_env.engine.lists import (
    first_ready,
    join_prefills,
    join_running,
    join_to_plan,
    join_waiting_front,
    leave_prefills,
    leave_running,
    leave_waiting,
)
from agentsim_env.engine.prefix import ceil_blocks, fits, found, hit_tokens, matched
from agentsim_env.engine.residency import (
    available_blocks,
    deepest,
    depth_blocks,
    evict,
    first_locked,
    lock,
    publish,
    unlock,
)
from agentsim_env.engine.scheduling import ASKED, next_turn, victim
from agentsim_env.engine.state import DECODE, LOOK_UP, MAKE_ROOM, NONE, PREFILL, TAKE_WAITING, WAITING
from agentsim_env.engine.tiers import begin_load

# The finish heap of an instance: decodes by (finish iteration, admission).


@compiled
def _finish_put(state, i, at, finish, sequence, s):
    entry = state.finish[i, at]
    entry.finish, entry.sequence, entry.slot = finish, sequence, s
    state.slot[s].heap_at = at


@compiled
def _finish_settle(state, i, at, n, finish, sequence, s):
    """Put an entry at its place in the heap of `n` entries, starting from the hole `at`."""
    heap = state.finish[i]
    while at > 0:
        up = heap[(at - 1) >> 1]
        if up.finish < finish or (up.finish == finish and up.sequence <= sequence):
            break
        _finish_put(state, i, at, up.finish, up.sequence, up.slot)
        at = (at - 1) >> 1
    child = 2 * at + 1
    while child < n:
        c = heap[child]
        if child + 1 < n:
            d = heap[child + 1]
            if d.finish < c.finish or (d.finish == c.finish and d.sequence < c.sequence):
                child += 1
                c = d
        if finish < c.finish or (finish == c.finish and sequence <= c.sequence):
            break
        _finish_put(state, i, at, c.finish, c.sequence, c.slot)
        at = child
        child = 2 * at + 1
    _finish_put(state, i, at, finish, sequence, s)


# Decodes: aggregates, so that no iteration looks at each of them.


@compiled
def _begin_decode(state, i, s):
    """A turn whose prefill has ended decodes from the next iteration on."""
    instance = state.instance[i]
    slot = state.slot[s]
    slot.state = DECODE
    slot.decode_from = instance.iteration
    slot.finish = instance.iteration + state.turn[slot.turn].output_tokens - slot.generated
    key = slot.target - slot.decode_from
    instance.kv_tokens += slot.target
    instance.longest = max(instance.longest, key) if instance.n_decode > 0 else key
    state.residue[i, key % state.world[0].block_size] += 1
    instance.n_decode += 1
    _finish_settle(state, i, instance.n_decode - 1, instance.n_decode, slot.finish, slot.sequence, s)


@compiled
def _end_decode(state, i, s):
    """Take a decode out of the aggregates; returns its KV tokens."""
    instance = state.instance[i]
    slot = state.slot[s]
    key = slot.target - slot.decode_from
    tokens = key + instance.iteration
    slot.generated += instance.iteration - slot.decode_from
    instance.kv_tokens -= tokens
    state.residue[i, key % state.world[0].block_size] -= 1
    instance.n_decode -= 1
    last = state.finish[i, instance.n_decode]
    at = slot.heap_at
    slot.heap_at = NONE
    if last.slot != s:
        _finish_settle(state, i, at, instance.n_decode, last.finish, last.sequence, last.slot)
    if key == instance.longest:
        _find_longest(state, i, s)
    return tokens


@compiled
def _find_longest(state, i, leaving):
    """The longest decode leaves: look for the next longest."""
    instance = state.instance[i]
    found = False
    t = instance.running_head
    while t != NONE:
        slot = state.slot[t]
        if t != leaving and slot.state == DECODE:
            key = slot.target - slot.decode_from
            if not found or key > instance.longest:
                instance.longest = key
                found = True
        t = slot.next
    if not found:
        instance.longest = 0


@compiled
def _decode_blocks(state, i, iterations):
    """New blocks that the decodes of instance `i` need in the next `iterations` iterations."""
    instance = state.instance[i]
    if instance.n_decode == 0:
        return 0
    size = state.world[0].block_size
    blocks = (iterations // size) * instance.n_decode
    for k in range(iterations % size):
        blocks += state.residue[i, (-(instance.iteration + k)) % size]
    return blocks


# Leaving the batch.


@compiled
def _release(state, i, s, tokens):
    """Publish `tokens` computed tokens of a turn as whole blocks, give up its lock and the blocks that it owns."""
    slot = state.slot[s]
    size = state.world[0].block_size
    owned = ceil_blocks(tokens, size) - slot.target // size if slot.state == DECODE else slot.owned
    state.pool[i].used -= owned
    slot.owned = 0
    held = slot.locked
    if tokens >= size:
        lowest = publish(state, state.turn[slot.turn].segment, i, tokens // size)
        if lowest != held:
            lock(state, lowest)
            unlock(state, held)
            held = lowest
    unlock(state, held)
    slot.locked = NONE


@component(NOTHING, NUMBER, NUMBER)
def leave_batch(state, i, s):
    """Take a turn out of the batch, keeping its KV as ordinary cache."""
    if state.slot[s].state == DECODE:
        tokens = _end_decode(state, i, s)
    else:
        tokens = state.slot[s].computed
        leave_prefills(state, i, s)
    leave_running(state, i, s)
    _release(state, i, s, tokens)


@compiled
def _preempt(state, i, s):
    """The turn goes back to the head of the queue and recomputes what will have been lost."""
    instance = state.instance[i]
    slot = state.slot[s]
    leave_batch(state, i, s)
    instance.asked_tokens -= slot.target - slot.computed
    instance.preemptions += 1
    state.turn_run[slot.turn].preemptions += 1
    requeue(state, i, s)
    join_waiting_front(state, i, s)


@compiled
def requeue(state, i, s):
    """A turn that was in a batch waits again: everything that it has so far is its new target."""
    slot = state.slot[s]
    state.instance[i].outstanding_tokens -= slot.target
    slot.target = state.turn[slot.turn].prompt_tokens + slot.generated
    state.instance[i].outstanding_tokens += slot.target
    slot.computed = 0
    slot.chunk = 0
    slot.state = WAITING
    expect(state, i, s)


@compiled
def expect(state, i, s):
    """Note how many prefill tokens and further blocks a turn will need on instance `i`, as its cache is now."""
    slot = state.slot[s]
    size = state.world[0].block_size
    r = deepest(state, state.turn[slot.turn].segment, i)
    slot.expected = slot.target - min(depth_blocks(state, r), (slot.target - 1) // size) * size
    held = depth_blocks(state, first_locked(state, r))
    slot.demand = max(0, ceil_blocks(slot.target, size) - held)


# Forming an iteration.


@compiled
def _jump(state, i, s):
    """A running prefill skips what others have published of its path in the meantime."""
    slot = state.slot[s]
    size = state.world[0].block_size
    r = found(state, i, s)
    match = matched(state, s, r)
    if match * size <= slot.computed:
        return
    state.pool[i].used -= slot.owned
    slot.owned = 0
    lock(state, r)
    unlock(state, slot.locked)
    slot.locked = r
    hit = hit_tokens(state, s, match)
    if hit > slot.computed:
        _count_hit(state, i, s, hit - slot.computed)
        slot.computed = hit


@compiled
def _count_hit(state, i, s, tokens):
    state.turn_run[state.slot[s].turn].hit_tokens += tokens
    state.instance[i].hit_tokens += tokens


@compiled
def _chunk_blocks(state, s, chunk, match):
    """Blocks that a prefill needs for its next `chunk` tokens, if its path has `match` blocks of its target.

    It is -1 where the path has the block that it owns by now.
    """
    slot = state.slot[s]
    blocks = ceil_blocks(slot.computed + chunk, state.world[0].block_size)
    return max(0, blocks - match) - slot.owned


@compiled
def _begun(state, i, s):
    """1 if the last block of a prefill's tokens is begun and nobody has published it, else 0."""
    slot = state.slot[s]
    size = state.world[0].block_size
    if slot.computed % size == 0:
        return 0
    if slot.computed == slot.target:
        return 1
    return 1 if matched(state, s, found(state, i, s)) <= slot.computed // size else 0


@compiled
def _take_chunk(state, i, s, chunk, match):
    """Schedule the next `chunk` tokens of a prefill: make room, publish whole blocks, own the one begun."""
    slot = state.slot[s]
    size = state.world[0].block_size
    evict(state, i, _chunk_blocks(state, s, chunk, match))
    slot.computed += chunk
    slot.chunk = chunk
    state.pool[i].used -= slot.owned
    if slot.computed >= size:
        lowest = publish(state, state.turn[slot.turn].segment, i, slot.computed // size)
        if lowest != slot.locked and depth_blocks(state, lowest) > depth_blocks(state, slot.locked):
            lock(state, lowest)
            unlock(state, slot.locked)
            slot.locked = lowest
    slot.owned = _begun(state, i, s)
    state.pool[i].used += slot.owned
    state.turn_run[slot.turn].computed_tokens += chunk
    state.instance[i].prefill_tokens += chunk


@compiled
def _next_chunk(state, i, s, tokens):
    slot = state.slot[s]
    return min(slot.target - slot.computed, state.instance[i].max_tokens - tokens)


@compiled
def _running_blocks(state, i):
    """Blocks that all running turns of instance `i` need for the next iteration."""
    instance = state.instance[i]
    blocks = _decode_blocks(state, i, 1)
    tokens = instance.n_decode
    s = instance.prefill_head
    while s != NONE:
        chunk = _next_chunk(state, i, s, tokens)
        blocks += _chunk_blocks(state, s, chunk, matched(state, s, found(state, i, s)))
        tokens += chunk
        s = state.slot[s].prefill_next
    return blocks


@compiled
def _look_up_prefills(state, i):
    """Step 1a: running prefills skip what they need not compute any more."""
    s = state.instance[i].prefill_head
    while s != NONE:
        _jump(state, i, s)
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
        _preempt(state, i, s)
        instance.plan_preempted = 1
    return NONE


@compiled
def _schedule_running(state, i):
    """Step 1c: running turns get their tokens and blocks."""
    instance = state.instance[i]
    blocks = _decode_blocks(state, i, 1)
    evict(state, i, blocks)
    state.pool[i].used += blocks
    instance.iteration += 1
    instance.kv_tokens += instance.n_decode
    tokens = instance.n_decode
    s = instance.prefill_head
    while s != NONE:
        chunk = _next_chunk(state, i, s, tokens)
        _take_chunk(state, i, s, chunk, matched(state, s, found(state, i, s)))
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
    _count_hit(state, i, s, slot.computed)
    run = state.turn_run[slot.turn]
    if run.scheduled_s != run.scheduled_s:
        run.scheduled_s = state.world[0].now_s
    chunk = _next_chunk(state, i, s, tokens)
    _take_chunk(state, i, s, chunk, match)
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


@compiled
def _leap(state, i):
    """How many iterations the run may have before its composition changes."""
    instance = state.instance[i]
    s = instance.prefill_head
    iterations = 1 << 30
    if s != NONE:
        slot = state.slot[s]
        if slot.prefill_next != NONE or slot.computed + slot.chunk >= slot.target:
            return 1
        # A train: this prefill takes all that is left of the budget in each iteration until its last chunk.
        instance.train_chunk = slot.chunk
        iterations = 1 + (slot.target - 1 - slot.computed) // slot.chunk
    if instance.n_decode > 0:
        iterations = min(iterations, state.finish[i, 0].finish - instance.iteration + 1)
    if iterations > 1:
        iterations = _leap_within_memory(state, i, iterations)
    return iterations


@compiled
def _run_blocks(state, i, iterations):
    """Blocks that the run of instance `i` needs for `iterations` more iterations."""
    blocks = _decode_blocks(state, i, iterations)
    chunk = state.instance[i].train_chunk
    if chunk > 0:
        size = state.world[0].block_size
        computed = state.slot[state.instance[i].prefill_head].computed
        blocks += ceil_blocks(computed + chunk * iterations, size) - ceil_blocks(computed, size)
    return blocks


@compiled
def _leap_within_memory(state, i, iterations):
    """The largest part of a run whose blocks are available; the first iteration has its blocks already."""
    available = available_blocks(state, i)
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


@component(NUMBER, NUMBER)
def plan(state, i):
    """Form the next iteration of instance `i` and the run that it begins, or leave the instance idle.

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
    _begin_run(state, i)
    return NONE


@compiled
def _begin_run(state, i):
    """The iteration is formed: leap over those that look the same, or be idle if it is empty."""
    world = state.world[0]
    instance = state.instance[i]
    if instance.plan_tokens == 0:
        instance.iteration -= 1
        instance.running = 0
        events.clear_due(state, i)
        return
    instance.running = 1
    instance.run_base_s = world.now_s
    instance.run_scheduled = 1
    # After a preemption nobody was admitted: the next iteration may look different.
    instance.train_chunk = 0
    instance.run_length = time_run(state, i, 1 if instance.plan_preempted else _leap(state, i))
    instance.peak_blocks = max(instance.peak_blocks, state.pool[i].used)
    events.set_due(state, i, run_end_s(state, i, instance.run_length))


@compiled
def catch_up(state, i, iterations):
    """Schedule the iterations of the run up to number `iterations` in the state."""
    instance = state.instance[i]
    more = iterations - instance.run_scheduled
    if more <= 0:
        return
    blocks = _decode_blocks(state, i, more)
    if instance.train_chunk > 0:
        s = instance.prefill_head
        train = instance.train_chunk * more
        match = matched(state, s, found(state, i, s))
        evict(state, i, blocks + _chunk_blocks(state, s, train, match))
        _take_chunk(state, i, s, train, match)
        state.slot[s].chunk = instance.train_chunk
    else:
        evict(state, i, blocks)
    state.pool[i].used += blocks
    instance.iteration += more
    instance.kv_tokens += more * instance.n_decode
    instance.run_scheduled = iterations
    instance.peak_blocks = max(instance.peak_blocks, state.pool[i].used)


@component(NOTHING, NUMBER)
def synchronise(state, i):
    """Bring an instance that is in the middle of a run up to now, for somebody who looks at its cache."""
    if state.instance[i].running and state.instance[i].run_scheduled < state.instance[i].run_length:
        catch_up(state, i, iterations_begun(state, i, state.world[0].now_s))


@component(NOTHING, NUMBER)
def wake(state, i):
    """A turn has joined the queue of instance `i`: begin an iteration, or cut the run so that it is considered."""
    instance = state.instance[i]
    if not instance.running:
        join_to_plan(state, i)
    elif instance.run_length > 1 and instance.train_chunk == 0 and instance.n_running < instance.max_num_seqs:
        begun = iterations_begun(state, i, state.world[0].now_s)
        if begun < instance.run_length:
            catch_up(state, i, begun)
            instance.run_length = begun
            events.set_due(state, i, run_end_s(state, i, begun))


@compiled
def next_ended(state, i):
    """After a run: the next turn that has all its output, or NONE. Ended prefills come first, in order of admission.

    Prefills that ended with more to generate begin to decode on the way.
    """
    instance = state.instance[i]
    s = instance.prefill_head
    while s != NONE and state.slot[s].computed == state.slot[s].target:
        slot = state.slot[s]
        slot.generated += 1
        instance.decode_tokens += 1
        run = state.turn_run[slot.turn]
        if run.first_token_s != run.first_token_s:
            run.first_token_s = state.world[0].now_s
        if slot.generated == state.turn[slot.turn].output_tokens:
            return s
        leave_prefills(state, i, s)
        _begin_decode(state, i, s)
        s = instance.prefill_head
    if instance.n_decode > 0 and state.finish[i, 0].finish <= instance.iteration:
        return state.finish[i, 0].slot
    return NONE


@compiled
def end_run(state, i):
    """The run of instance `i` has ended: everything that it scheduled is computed."""
    instance = state.instance[i]
    decodes = instance.n_decode
    catch_up(state, i, instance.run_length)
    instance.busy_s += state.world[0].now_s - instance.run_base_s
    instance.decode_tokens += decodes * instance.run_length
