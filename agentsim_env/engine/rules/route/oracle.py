"""Routing with knowledge of the future, as a bound on what prediction could bring."""

from agentsim_env.engine.jit import compiled
from agentsim_env.engine.rules.forecast import decode_step_s, pending_pairs, prefill_through_s
from agentsim_env.engine.rules.look import (
    cached_tokens,
    find_cached,
    lowest_score,
    pending_prefill_tokens,
    turns,
)
from agentsim_env.engine.state import DECODE, NONE


@compiled
def _left(state, i, s):
    """Output tokens that a waiting or running turn of instance `i` has still to generate."""
    slot = state.slot[s]
    generated = slot.generated
    if slot.state == DECODE:
        generated += state.instance[i].iteration - slot.decode_from
    return state.turn[slot.turn].output_tokens - generated


@compiled
def _left_on(state, i):
    """Output tokens that all waiting and running turns of instance `i` have still to generate."""
    tokens = 0
    s = state.instance[i].waiting_head
    while s != NONE:
        tokens += _left(state, i, s)
        s = state.slot[s].next
    s = state.instance[i].running_head
    while s != NONE:
        tokens += _left(state, i, s)
        s = state.slot[s].next
    return tokens


@compiled
def oracle_least_work(state, s):
    """The instance that would be rid of all its work first, this turn included; true output lengths are known.

    Work: prefills that are pending, then all output tokens that are left, at the pace of a full batch of the turns there.
    """
    find_cached(state, s)
    target = state.slot[s].target
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            seen = state.seen[i]
            own = target - cached_tokens(state, s, i)
            tokens = pending_prefill_tokens(state, i) + own
            pairs = pending_pairs(state, i) + own * (2 * target - own)
            n = min(turns(state, i) + 1, seen.max_num_seqs)
            kv_tokens = seen.outstanding_tokens + target
            step_s = decode_step_s(state, i, n, kv_tokens)
            left = _left_on(state, i) + _left(state, i, s)
            state.score[i] = prefill_through_s(state, i, tokens, pairs, n, kv_tokens) + left / n * step_s
    return lowest_score(state)
