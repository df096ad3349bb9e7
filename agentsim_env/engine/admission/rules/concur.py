"""A window of programs that grows and shrinks with the cache (CONCUR, arXiv 2601.22705)."""

from agentsim_env.engine.admission.rules.limits import must_queue, utilisation
from agentsim_env.engine.core.decisions import ADMIT, HOLD
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import ACTIVE, NONE
from agentsim_env.engine.programs.orchestrator import pause, resume
from agentsim_env.engine.residency.hits import all_hits


@compiled
def _hit_rate(state):
    """Hit rate since the last tick, of turns that come back to a batch too; 1 if nothing was asked for."""
    world = state.world[0]
    hits, tokens = 0, 0
    for i in range(len(state.instance)):
        hits += all_hits(state.instance[i])
        tokens += all_hits(state.instance[i]) + state.instance[i].prefill_tokens
    asked = tokens - world.tick_tokens
    hit_rate = (hits - world.tick_hits) / asked if asked > 0 else 1.0
    world.tick_hits, world.tick_tokens = hits, tokens
    return hit_rate


# With its published constants.


@compiled
def _running(state):
    """Programs that are in and not paused."""
    return state.world[0].n_admitted - state.world[0].n_paused


@compiled
def concur(state, p):
    """At most `window` programs run, those beyond are paused; additive increase, multiplicative decrease.

    Every `period_s` the window grows by `increase` if less than `low_utilisation` of the blocks are in use; it is
    multiplied by `decrease` (and stays at least 1) if more than `high_utilisation` are in use and the hit rate since
    the last tick is below `low_hit_rate`. The constants are CONCUR's; the period, which it does not give, is that of a
    later study, the first window ours. What came in last is paused first, at the end of its turn, and comes back last.
    """
    world = state.world[0]
    if must_queue(state, p) or world.n_paused > 0 or _running(state) + 1 > world.window:
        return HOLD
    return ADMIT


@compiled
def _came_later(state, p, other):
    """Whether program `p` came in after `other`; of equals the larger number is the later."""
    mine_s, its_s = state.program_run[p].admitted_s, state.program_run[other].admitted_s
    return mine_s > its_s or (mine_s == its_s and p > other)


@compiled
def _last_in(state):
    """The program that came in last, of those that are not paused."""
    last = NONE
    for p in range(len(state.program)):
        run = state.program_run[p]
        if run.state == ACTIVE and not run.paused and (last == NONE or _came_later(state, p, last)):
            last = p
    return last


@compiled
def _first_paused(state):
    """The program that came in first, of those that are paused."""
    first = NONE
    for p in range(len(state.program)):
        if state.program_run[p].paused and (first == NONE or _came_later(state, first, p)):
            first = p
    return first


@compiled
def pause_beyond_window(state, increase=2.0, decrease=0.5, low_utilisation=0.2, high_utilisation=0.5, low_hit_rate=0.2):
    """A tick of `concur`."""
    world = state.world[0]
    use, hit_rate = utilisation(state), _hit_rate(state)
    if use < low_utilisation:
        world.window += increase
    elif use > high_utilisation and hit_rate < low_hit_rate:
        world.window = max(1.0, world.window * decrease)
    while _running(state) > world.window and _running(state) > 1:
        pause(state, _last_in(state))
    while world.n_paused > 0 and (_running(state) + 1 <= world.window or _running(state) == 0):
        resume(state, _first_paused(state))


# With constants of ours.


@compiled
def concur_tuned(state, p):
    """As `concur`, with constants of ours and without pauses.

    Every `period_s` the window grows by `increase` if less than `low_utilisation` of the blocks are in use, the hit
    rate since the last tick is above `high_hit_rate` and the window was used up; it is multiplied by `decrease` (and
    stays at least 1) if more than `high_utilisation` are in use and the hit rate is below `low_hit_rate`. Those that
    are in stay in.
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
    """A tick of `concur_tuned`."""
    world = state.world[0]
    use, hit_rate = utilisation(state), _hit_rate(state)
    if use < low_utilisation and hit_rate > high_hit_rate:
        if world.n_admitted + 1 > world.window:
            world.window += increase
    elif use > high_utilisation and hit_rate < low_hit_rate:
        world.window = max(1.0, world.window * decrease)
