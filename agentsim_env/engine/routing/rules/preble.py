"""Preble's E2: exploit a cached prefix longer than the rest of the prompt, else explore the cheapest instance."""

from agentsim_env.engine.batch.forecast import decode_step_s
from agentsim_env.engine.batch.look import find_sent, freshen, highest_score, mean_output_tokens, turns
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.latency.recently_sent import recent_prefill_s


@compiled
def preble_load_s(state, i, output_tokens):
    """Preble's load: prefill time sent within the window, plus turns there * mean output * time per output token."""
    seen = state.seen[i]
    tpot_s = decode_step_s(state, i, max(1, seen.n_decode), seen.kv_tokens)
    return recent_prefill_s(state, i) + turns(state, i) * output_tokens * tpot_s


@compiled
def _extremes(state, output_tokens):
    """The allowed instances with the least and the most load."""
    low, high = NONE, NONE
    least_s, most_s = 0.0, 0.0
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            load_s = preble_load_s(state, i, output_tokens)
            if low == NONE or load_s < least_s:
                low, least_s = i, load_s
            if high == NONE or load_s > most_s:
                high, most_s = i, load_s
    return low, least_s, high, most_s


@compiled
def _owner(state, matched_blocks, output_tokens):
    """The one with the least load among the instances that own the longest match."""
    best, least_s = NONE, 0.0
    for i in range(len(state.allowed)):
        if state.allowed[i] and state.score[i] == matched_blocks:
            load_s = preble_load_s(state, i, output_tokens)
            if best == NONE or load_s < least_s:
                best, least_s = i, load_s
    return best


@compiled
def preble(state, s, rebalance_ratio=1.5, rebalance_after=50.0):
    """If less of the prompt is unmatched than matched, exploit: an owner of the match. Else explore: the least load.

    Preble (ICLR'25), `multi_node/global_scheduler_with_time.py`. The match is in the router's own tree of what it sent
    to each instance. Rebalancing: from `rebalance_after` turns per instance on, a turn that would exploit the most
    loaded instance goes to the least loaded one while their loads differ by more than `rebalance_ratio`; from then on
    that one owns the prefix too. Simplified, because the engine keeps no history per prefix: the sliding window fades
    instead of ending (`engine/latency/recently_sent.py`); a turn counts with its own miss, not with the mean miss of
    its prefix; time per output token is that of the present batch instead of the median of the last 200; subtrees do
    not move ahead of use; the cost of evictions is left out, as by default in the released code.
    """
    freshen(state)
    output_tokens = mean_output_tokens(state)
    low, least_s, high, most_s = _extremes(state, output_tokens)
    find_sent(state, s)
    matched_blocks = state.score[highest_score(state)]
    matched_tokens = matched_blocks * state.world[0].block_size
    if state.turn[state.slot[s].turn].prompt_tokens - matched_tokens >= matched_tokens:
        return low
    owner = _owner(state, matched_blocks, output_tokens)
    settled = state.world[0].routed >= rebalance_after * len(state.allowed)
    if settled and owner == high and most_s > rebalance_ratio * least_s:
        return low
    return owner
