"""A linear model of latency for each instance, learned as turns leave, and Thompson sampling from it."""

import math

from agentsim_env.engine.batch.look import (
    cached_tokens,
    find_cached,
    held_blocks,
    lowest_score,
    pending_prefill_tokens,
    turns,
)
from agentsim_env.engine.core.chance import chance
from agentsim_env.engine.core.jit import compiled

FEATURES = 5

# Where things stand among the numbers of an instance: matrices row by row, the last two being scratch.
PRECISION = 0
MOMENT = PRECISION + FEATURES * FEATURES
FACTOR = MOMENT + FEATURES
SAMPLE = FACTOR + FEATURES * FEATURES
NUMBERS = SAMPLE + FEATURES


@compiled
def _describe(state, s, i, out):
    """Fill `out` [FEATURES]: 1, tokens to prefill and those pending in thousands, turns in tens, share of memory."""
    out[0] = 1.0
    out[1] = (state.slot[s].target - cached_tokens(state, s, i)) / 1000.0
    out[2] = pending_prefill_tokens(state, i) / 1000.0
    out[3] = turns(state, i) / 10.0
    out[4] = (held_blocks(state, i) + state.seen[i].demand_blocks) / state.seen_pool[i].capacity


@compiled
def _factorise(memory, prior_weight):
    """Cholesky factor of the precision and the prior."""
    for a in range(FEATURES):
        for b in range(a + 1):
            x = memory[PRECISION + a * FEATURES + b] + (prior_weight if a == b else 0.0)
            for k in range(b):
                x -= memory[FACTOR + a * FEATURES + k] * memory[FACTOR + b * FEATURES + k]
            memory[FACTOR + a * FEATURES + b] = math.sqrt(x) if a == b else x / memory[FACTOR + b * FEATURES + b]


@compiled
def _normal(state):
    """A standard normal number (Box and Muller)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - chance(state)))
    return radius * math.cos(2.0 * math.pi * chance(state))


@compiled
def _draw(state, i, exploration, prior_weight):
    """Draw weights of instance `i` from what is believed of them: mean and covariance of the regression so far."""
    memory = state.memory[i]
    _factorise(memory, prior_weight)
    for a in range(FEATURES):
        x = memory[MOMENT + a]
        for k in range(a):
            x -= memory[FACTOR + a * FEATURES + k] * memory[SAMPLE + k]
        memory[SAMPLE + a] = x / memory[FACTOR + a * FEATURES + a]
    for a in range(FEATURES):
        memory[SAMPLE + a] += exploration * _normal(state)
    for a in range(FEATURES - 1, -1, -1):
        x = memory[SAMPLE + a]
        for k in range(a + 1, FEATURES):
            x -= memory[FACTOR + k * FEATURES + a] * memory[SAMPLE + k]
        memory[SAMPLE + a] = x / memory[FACTOR + a * FEATURES + a]


@compiled
def thompson(state, s, exploration=0.5, prior_weight=0.1):
    """Least latency by weights that are drawn from what has been learned of each instance.

    Our own. Latency is taken as linear in five features; recursive least squares with the factor `forgetting` learn the
    weights of each instance from the turns that have left it, `prior_weight` holds them near 0 at first. Weights are
    drawn around those with a deviation of `exploration` seconds for a feature that has been seen once: with 0 it is
    plain least squares.
    """
    find_cached(state, s)
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            _draw(state, i, exploration, prior_weight)
            memory = state.memory[i]
            features = memory[FACTOR : FACTOR + FEATURES]
            _describe(state, s, i, features)
            latency_s = 0.0
            for a in range(FEATURES):
                latency_s += memory[SAMPLE + a] * features[a]
            state.score[i] = latency_s
    return lowest_score(state)


@compiled
def note_features(state, s, i):
    """A turn goes to instance `i`."""
    find_cached(state, s)
    _describe(state, s, i, state.sent_as[s])


@compiled
def learn_weights(state, s, i, forgetting=0.99):
    """A turn leaves instance `i`."""
    latency_s = state.world[0].now_s - state.turn_run[state.slot[s].turn].routed_s
    memory, features = state.memory[i], state.sent_as[s]
    for a in range(FEATURES):
        for b in range(FEATURES):
            at = PRECISION + a * FEATURES + b
            memory[at] = forgetting * memory[at] + features[a] * features[b]
        memory[MOMENT + a] = forgetting * memory[MOMENT + a] + features[a] * latency_s
