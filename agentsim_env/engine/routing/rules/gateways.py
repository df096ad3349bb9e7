"""The rules of real gateways that weigh caches against load: SGLang, NVIDIA Dynamo, llm-d."""

import math

from agentsim_env.engine.batch.look import (
    busy_blocks,
    cached_tokens,
    find_cached,
    find_sent,
    held_blocks,
    highest_score,
    lowest_score,
    pending_prefill_tokens,
    turns,
)
from agentsim_env.engine.core.chance import chance
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.routing.rules.loads import least_loaded
from agentsim_env.engine.routing.rules.ties import random_best


@compiled
def _spread(state):
    """Most and fewest turns on an allowed instance."""
    most, fewest = 0, 1 << 30
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            most = max(most, turns(state, i))
            fewest = min(fewest, turns(state, i))
    return most, fewest


@compiled
def _smallest_tree(state):
    """The allowed instance for which the router remembers the fewest blocks."""
    first = len(state.instance)
    best = NONE
    for i in range(len(state.allowed)):
        if state.allowed[i] and (best == NONE or state.pool[first + i].used < state.pool[first + best].used):
            best = i
    return best


@compiled
def cache_aware(state, s, cache_threshold=0.5, balance_abs_threshold=32.0, balance_rel_threshold=1.5):
    """Shortest queue if loads are imbalanced, else the longest match if it is long enough, else the smallest tree.

    SGLang router `cache_aware` (`sgl-router/src/policies/cache_aware.rs`). Imbalanced: max - min >
    `balance_abs_threshold` and max > `balance_rel_threshold` * min, in turns. Long enough: matched / prompt >
    `cache_threshold`, in the router's tree of the prompts that it sent, which never hears of evictions. Among instances
    with the same match SGLang takes the first of a hash map; here it is the lowest index.
    """
    most, fewest = _spread(state)
    if most - fewest > balance_abs_threshold and most > balance_rel_threshold * fewest:
        return least_loaded(state, s)
    find_sent(state, s)
    best = highest_score(state)
    prompt = state.turn[state.slot[s].turn].prompt_tokens
    matched = min(int(state.score[best]) * state.world[0].block_size, prompt)
    if matched > cache_threshold * prompt:
        return best
    return _smallest_tree(state)


@compiled
def dynamo_cost(prefill_blocks, decode_blocks, weight):
    """`weight * prefill_blocks + decode_blocks` (Dynamo, KV router design, "Cost Calculation")."""
    return weight * prefill_blocks + decode_blocks


@compiled
def _subtract_held(state, s, blocks):
    """Take off `state.score` what running turns of each instance are seen to hold of the context's first `blocks`."""
    segment = state.turn[state.slot[s].turn].segment
    while segment != NONE:
        r = state.seen_holder[segment]
        most = max(0, blocks - state.segment[segment].start_block)
        while r != NONE:
            record = state.seen_resident[r]
            if record.locks > 0 and record.pool < len(state.instance):
                state.score[record.pool] -= min(record.blocks, most)
            r = record.next_holder
        segment = state.segment[segment].parent


@compiled
def _price(state, s, weight):
    """Dynamo's cost of each allowed instance with the turn added, in `state.score`."""
    find_cached(state, s)
    size = state.world[0].block_size
    target = state.slot[s].target
    blocks = (target + size - 1) // size
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            prefill_tokens = pending_prefill_tokens(state, i) + target - cached_tokens(state, s, i)
            decode_blocks = busy_blocks(state, i) + state.seen[i].demand_blocks + blocks
            state.score[i] = dynamo_cost(prefill_tokens / size, float(decode_blocks), weight)
    _subtract_held(state, s, blocks)


@compiled
def _sample(state, temperature):
    """An allowed instance with probability ~ exp(-cost / temperature), costs in `state.score` scaled to [0, 1]."""
    low, high = math.inf, -math.inf
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            low, high = min(low, state.score[i]), max(high, state.score[i])
    scale = 1.0 / ((high - low) * temperature) if high > low else 0.0
    total = 0.0
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            state.score[i] = math.exp((low - state.score[i]) * scale)
            total += state.score[i]
    left = chance(state) * total
    last = NONE
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            last = i
            left -= state.score[i]
            if left <= 0.0:
                return i
    return last


@compiled
def dynamo(state, s, overlap_score_weight=1.0, router_temperature=0.0):
    """Lowest `overlap_score_weight * prefill_blocks + decode_blocks` with the turn added.

    NVIDIA Dynamo's KV router. Prefill blocks: uncached tokens of all prefills that are pending on the instance, this
    turn's included, in blocks. Decode blocks: blocks of all turns there, shared ones once, this turn's included. Hits
    come from KV events. `router_temperature` 0 takes the lowest cost (the lower index on a tie); above, an instance is
    drawn by softmax over the costs scaled to [0, 1].
    """
    _price(state, s, overlap_score_weight)
    if router_temperature > 0.0:
        return _sample(state, router_temperature)
    return lowest_score(state)


@compiled
def _scale_hits(state, s, relative):
    """Turn hits in `state.score` into llm-d's prefix scores."""
    blocks = state.turn[state.slot[s].turn].prompt_tokens // state.world[0].block_size
    low, high = 0.0, float(blocks)
    if relative:
        low, high = math.inf, 0.0
        for i in range(len(state.allowed)):
            if state.allowed[i] and state.score[i] > 0.0:
                hit = min(state.score[i], float(blocks))
                low, high = min(low, hit), max(high, hit)
    for i in range(len(state.allowed)):
        hit = min(state.score[i], float(blocks))
        if hit <= 0.0:
            state.score[i] = 0.0
        else:
            state.score[i] = (hit - low) / (high - low) if high > low else 1.0


@compiled
def llm_d(state, s, prefix_weight=2.0, kv_utilization_weight=1.0, queue_weight=1.0, relative_prefix=0.0):
    """Largest weighted sum of scores in [0, 1]: prefix, free KV, short queue. A tie is broken at random.

    llm-d inference scheduler with the scorers and weights of its precise-prefix example
    (`deploy/config/epp-precise-prefix-cache-config.yaml`): prefix 2, KV utilisation 1, queue 1, max-score picker.
    Prefix: matched / whole blocks of the prompt, by KV events; with `relative_prefix` 1 as that scorer normalises,
    (matched - min) / (max - min) over the instances with a match. KV: 1 - blocks in use / blocks. Queue:
    (max - waiting) / (max - min), 1 if all are equal.
    """
    find_cached(state, s)
    _scale_hits(state, s, relative_prefix > 0.0)
    most, fewest = 0, 1 << 30
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            most, fewest = max(most, state.seen[i].n_waiting), min(fewest, state.seen[i].n_waiting)
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            free = 1.0 - held_blocks(state, i) / state.seen_pool[i].capacity
            short = (most - state.seen[i].n_waiting) / (most - fewest) if most > fewest else 1.0
            state.score[i] = prefix_weight * state.score[i] + kv_utilization_weight * free + queue_weight * short
    return random_best(state)


@compiled
def llm_d_baseline(state, s, prefix_weight=3.0, kv_utilization_weight=2.0, queue_weight=2.0):
    """As `llm_d`, with the weights of its older preset: prefix 3, KV utilisation 2, queue 2.

    llm-d's guide `optimized-baseline` until August 2026. Its `no-hit-lru` scorer is left out: it looks at prompts of
    which no instance has anything, and a system prompt is soon everywhere.
    """
    return llm_d(state, s, prefix_weight, kv_utilization_weight, queue_weight, 0.0)
