"""KV block-seconds: how long the blocks of an instance were held, and what for.

Blocks in use (locked by running turns or transfers, owned, or reserved for what is on its way) are charged whenever
they change and at every iteration, split among the running turns in proportion to their KV tokens. Idle blocks, pinned
or not, are charged when their idle time ends: reused if a turn locks them again, wasted if they are dropped.

Each is a space-time product as in ThunderAgent (arXiv 2602.13692) and InferCept (arXiv 2402.01869).
"""

from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE, TWO_LANES

PREFILL, DECODE, RECOMPUTE, MOVING, REUSED, WASTED, IDLE = range(7)
"""Columns of `State.block_s`: held by prefills of what is new, by decodes, by prefills of what had been computed
before, by transfers while nothing runs; idle before they were used again, and idle for nothing; and all that was idle
so far, whatever becomes of it."""


@compiled
def split(out, block_s, first, again, decode):
    """Charge block-seconds in proportion to tokens of new prefills, of recomputing ones and of decodes."""
    if first + again == 0.0:
        out[DECODE] += block_s
        return
    per_token_s = block_s / (first + again + decode)
    out[PREFILL] += first * per_token_s
    out[RECOMPUTE] += again * per_token_s
    out[DECODE] += decode * per_token_s


@compiled
def share_again(state, s):
    """Share of a turn's prefill tokens, up to the end of this prefill, that its program had computed before."""
    slot = state.slot[s]
    tokens = state.turn_run[slot.turn].computed_tokens + slot.target - slot.computed
    return max(0, tokens - state.turn[slot.turn].new_tokens) / tokens


@compiled
def in_prefill_lane(state, i):
    """KV tokens in the prefill lane of instance `i`, if it has one: of what is new there, and of what is not.

    Then those of turns whose prefill has ended there and that do not decode yet.
    """
    if state.instance[i].mode != TWO_LANES:
        return 0.0, 0.0, 0.0
    lanes, first, again, ended = state.lanes[i], 0.0, 0.0, 0.0
    if lanes.prefilling != NONE:
        share, computed = share_again(state, lanes.prefilling), state.slot[lanes.prefilling].computed
        first, again = computed * (1.0 - share), computed * share
    s = lanes.ended_head
    while s != NONE:
        ended += state.slot[s].computed
        s = state.slot[s].prefill_next
    return first, again, ended


@compiled
def spend(state, i, block_s, out):
    """Split block-seconds of what is in use among what runs on instance `i` now."""
    instance = state.instance[i]
    first, again, ended = in_prefill_lane(state, i)
    if not instance.running and first + again == 0.0:
        out[MOVING] += block_s
        return
    s = instance.prefill_head
    while s != NONE:
        share = share_again(state, s)
        first += state.slot[s].computed * (1.0 - share)
        again += state.slot[s].computed * share
        s = state.slot[s].prefill_next
    split(out, block_s, first, again, ended + instance.kv_tokens)


@component(NOTHING, NUMBER)
def _charge(state, i):
    pool = state.pool[i]
    lasted_s = state.world[0].kv_s - pool.charged_s
    pool.charged_s = state.world[0].kv_s
    state.block_s[i, IDLE] += (pool.idle + pool.pinned) * lasted_s
    spend(state, i, (pool.used - pool.idle - pool.pinned) * lasted_s, state.block_s[i])


@compiled
def charge(state, pool):
    """Charge what is in use in a pool for the time since its last charge; to be called before it changes."""
    world = state.world[0]
    if world.token_seconds and pool < len(state.instance) and state.pool[pool].charged_s != world.kv_s:
        _charge(state, pool)


@compiled
def begin_idle(state, r):
    """From now on nobody locks a record."""
    if state.world[0].token_seconds:
        state.resident[r].idle_since_s = state.world[0].kv_s


@compiled
def idle_block_s(state, r, blocks):
    """How long some blocks of a record have been idle, in block-seconds; 0 unless they are added up."""
    world = state.world[0]
    return blocks * (world.kv_s - state.resident[r].idle_since_s) if world.token_seconds else 0.0


@compiled
def end_idle(state, pool, block_s, kind):
    """The idle time of blocks of a pool has ended: REUSED or WASTED."""
    if state.world[0].token_seconds and pool < len(state.instance):
        state.block_s[pool, kind] += block_s


@compiled
def wasted_share_s(state):
    """Idle block-seconds of all instances that nobody has made use of so far, over their blocks.

    All instances are synchronised. What is idle now counts until it is used.
    """
    now_s = state.world[0].now_s
    wasted, capacity = 0.0, 0
    for i in range(len(state.instance)):
        pool = state.pool[i]
        idle = state.block_s[i, IDLE] + (pool.idle + pool.pinned) * (now_s - pool.charged_s)
        wasted += idle - state.block_s[i, REUSED]
        capacity += pool.capacity
    return wasted / capacity


@compiled
def totals(state, out):
    """Fill `out` [N, 7] with the block-seconds until now; what is idle now is wasted until somebody uses it.

    All instances are synchronised. Nothing is changed: charges fall where they would have fallen without a look.
    """
    now_s = state.world[0].now_s
    for i in range(len(state.instance)):
        pool = state.pool[i]
        for kind in range(out.shape[1]):
            out[i, kind] = state.block_s[i, kind]
        out[i, IDLE] += (pool.idle + pool.pinned) * (now_s - pool.charged_s)
        spend(state, i, (pool.used - pool.idle - pool.pinned) * (now_s - pool.charged_s), out[i])
    for r in range(state.world[0].n_residents):
        record = state.resident[r]
        if record.pool != NONE and record.pool < len(state.instance) and record.locks == 0:
            out[record.pool, WASTED] += record.blocks * (now_s - record.idle_since_s)
