"""What a router can see of the instances.

Metrics (queues, token and block counts) come from `state.seen` and `state.seen_pool`, the content of the caches from
`state.seen_holder` and `state.seen_resident`. They are the instances themselves, unless the scenario delays the
router's view: then they are what the instances were when it was last refreshed. Agents are shown the same.
"""

import numpy as np

from agentsim_env.engine.batch.runs import synchronise
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.prefix_lookup import kept_blocks
from agentsim_env.engine.residency.hits import all_hits
from agentsim_env.engine.residency.residency import hits

FIRST_OUTPUT_TOKENS = 45.0
"""Output tokens to expect of a turn before any has ended (Preble's default decoding length)."""


@compiled
def freshen(state):
    """Bring the allowed instances up to now before a rule reads tokens or blocks; a delayed view stays as it is."""
    if state.world[0].view_delay_s > 0.0:
        return
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            synchronise(state, i)


@compiled
def turns(state, i):
    """Turns that wait or run on instance `i`."""
    return np.int64(state.seen_present[i])


@compiled
def busy_blocks(state, i):
    """Blocks in use on instance `i`, those that running turns share counted once; what is only pinned is not in use."""
    return state.seen_pool[i].used - state.seen_pool[i].idle - state.seen_pool[i].pinned


@compiled
def held_blocks(state, i):
    """Blocks of instance `i` that are in use or pinned: what engines report as the usage of their KV cache."""
    return state.seen_pool[i].used - state.seen_pool[i].idle


@compiled
def pending_prefill_tokens(state, i):
    """Prefill tokens that instance `i` has yet to compute: of running turns, and of waiting ones as expected."""
    seen = state.seen[i]
    # asked = hit + computed + what running prefills still lack
    return seen.expected_tokens + seen.asked_tokens - all_hits(seen) - seen.prefill_tokens


@compiled
def cached_tokens(state, s, i):
    """Prompt tokens of a turn that need no prefill on instance `i`; call `find_cached` or `find_sent` first."""
    size = state.world[0].block_size
    blocks = max(int(state.score[i]), kept_blocks(state, s))
    return min(blocks, (state.slot[s].target - 1) // size) * size


@compiled
def find_cached(state, s):
    """Fill `state.score` with the blocks of the turn's context that each instance is seen to have in its cache."""
    freshen(state)
    find_seen(state, s)


@compiled
def find_seen(state, s):
    """The same, for somebody who has brought the instances up to now, or does not care."""
    segment = state.turn[state.slot[s].turn].segment
    hits(state, state.seen_holder, state.seen_resident, segment, 0, state.score)


@compiled
def find_sent(state, s):
    """Fill `state.score` with the blocks of the turn's context that the router remembers sending to each instance."""
    segment = state.turn[state.slot[s].turn].segment
    hits(state, state.holder, state.resident, segment, len(state.instance), state.score)


@compiled
def lowest_score(state):
    """The allowed instance with the smallest `state.score`; the lower index wins a tie."""
    best = NONE
    for i in range(len(state.allowed)):
        if state.allowed[i] and (best == NONE or state.score[i] < state.score[best]):
            best = i
    return best


@compiled
def highest_score(state):
    """The allowed instance with the largest `state.score`; the lower index wins a tie."""
    best = NONE
    for i in range(len(state.allowed)):
        if state.allowed[i] and (best == NONE or state.score[i] > state.score[best]):
            best = i
    return best


@compiled
def mean_output_tokens(state):
    """Mean output of the turns that have ended on any instance."""
    turns_ended, tokens = 0, 0
    for i in range(len(state.seen)):
        turns_ended += state.seen[i].turns
        tokens += state.seen[i].output_tokens
    if turns_ended == 0:
        return FIRST_OUTPUT_TOKENS
    return tokens / turns_ended
