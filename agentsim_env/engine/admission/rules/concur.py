"""A window of programs that grows and shrinks with the cache (CONCUR, arXiv 2601.22705)."""

from agentsim_env.engine.admission.rules.limits import must_queue, utilisation
from agentsim_env.engine.core.decisions import ADMIT, HOLD
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.residency.hits import all_hits


@compiled
def concur(state, p):
    """At most `window` programs; every `period_s` additive increase, multiplicative decrease.

    The window grows by `increase` if less than `low_utilisation` of the blocks are in use, the hit rate since the last
    tick, of turns that come back to a batch too, is above `high_hit_rate` and the window was used up; it is multiplied
    by `decrease` (and stays at least 1) if more than `high_utilisation` are in use and the hit rate is below
    `low_hit_rate`. CONCUR publishes the signals, not the constants: those are ours. It pauses running agents, too; here
    those that are in stay in.
    """
    if must_queue(state, p) or state.world[0].n_admitted + 1 > state.world[0].window:
        return HOLD
    return ADMIT


@compiled
def adapt_window(
    state,
    increase=1.0,
    decrease=0.7,
    low_utilisation=0.85,
    high_hit_rate=0.9,
    high_utilisation=0.95,
    low_hit_rate=0.8,
):
    """A tick of `concur`."""
    world = state.world[0]
    use = utilisation(state)
    hits, tokens = 0, 0
    for i in range(len(state.instance)):
        hits += all_hits(state.instance[i])
        tokens += all_hits(state.instance[i]) + state.instance[i].prefill_tokens
    asked = tokens - world.tick_tokens
    hit_rate = (hits - world.tick_hits) / asked if asked > 0 else 1.0
    world.tick_hits, world.tick_tokens = hits, tokens
    if use < low_utilisation and hit_rate > high_hit_rate:
        if world.n_admitted + 1 > world.window:
            world.window += increase
    elif use > high_utilisation and hit_rate < low_hit_rate:
        world.window = max(1.0, world.window * decrease)
