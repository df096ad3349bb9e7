"""Stay where the prompt is cached until that is saturated with prefills: llm-d's default."""

import math

from agentsim_env.engine.batch.look import cached_tokens, find_cached, pending_prefill_tokens
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.routing.rules.loads import least_loaded
from agentsim_env.engine.routing.rules.ties import random_best


@compiled
def _is_warm(state, s, i, warm_share):
    """Whether instance `i` has so much of the whole blocks of a prompt; call `find_cached` first."""
    blocks = state.turn[state.slot[s].turn].prompt_tokens // state.world[0].block_size
    return blocks > 0 and min(state.score[i], blocks) / blocks >= warm_share


@compiled
def _stays_warm(state, s, warm_share, most_tokens):
    """Whether the warm instances are kept alone: the least loaded of them is not too far behind the others' best."""
    warm, cold = math.inf, math.inf
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            tokens = float(pending_prefill_tokens(state, i))
            if _is_warm(state, s, i, warm_share):
                warm = min(warm, tokens)
            else:
                cold = min(cold, tokens)
    return warm < math.inf and warm - cold <= most_tokens


@compiled
def sticky_until_saturated(state, s, warm_share=0.8, peak_prefill_tokens_per_s=15928.0, patience_s=18.0):
    """Fewest tokens to prefill, pending ones and this turn's, among the instances that have most of the prompt.

    llm-d's default since August 2026: the filter `prefix-cache-affinity` without exploration, then the fewest tokens.
    An instance is warm if it has `warm_share` of the whole blocks of the prompt. All instances compete if none is, or
    if the warm one with the fewest pending prefill tokens has `peak_prefill_tokens_per_s * patience_s` more than the
    best of the others. To be decoded only, a turn goes to the fewest turns. A tie is broken at random.
    """
    if state.slot[s].handed:
        return least_loaded(state, s)
    find_cached(state, s)
    only_warm = _stays_warm(state, s, warm_share, peak_prefill_tokens_per_s * patience_s)
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            if only_warm and not _is_warm(state, s, i, warm_share):
                state.score[i] = -math.inf
            else:
                missing = state.slot[s].target - cached_tokens(state, s, i)
                state.score[i] = -float(pending_prefill_tokens(state, i) + missing)
    return random_best(state)
