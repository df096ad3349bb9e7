"""Routing by program: a turn goes where its program's context is, within limits."""

from agentsim_env.engine.batch.look import cached_tokens, find_cached, freshen, turns
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.routing.rules.loads import least_loaded
from agentsim_env.engine.routing.saga_load import load


@compiled
def session_affinity(state, s, capacity_limit=64.0):
    """The program's home while it has fewer turns than `capacity_limit`, else the least loaded (AgentServeSim)."""
    home = state.program_run[state.slot[s].program].home
    if home != NONE and state.allowed[home] and turns(state, home) < capacity_limit:
        return home
    return least_loaded(state, s)


@compiled
def _first_long_home(state, s, short_tokens):
    """Where the first long prompt of the program went, or NONE."""
    slot = state.slot[s]
    for t in range(state.program[slot.program].first_turn, slot.turn):
        if state.turn_run[t].instance != NONE and state.turn[t].prompt_tokens > short_tokens:
            return state.turn_run[t].instance
    return NONE


@compiled
def autellix(state, s, short_prompt_tokens=2048.0):
    """A short prompt goes to the fewest turns, a long one to where the program's first long prompt went.

    Autellix (NSDI'26), load balancer; `short_prompt_tokens` is its 2,048. AgentServeSim's port homes a program as here.
    """
    if state.turn[state.slot[s].turn].prompt_tokens > short_prompt_tokens:
        home = _first_long_home(state, s, short_prompt_tokens)
        if home != NONE and state.allowed[home]:
            return home
    return least_loaded(state, s)


@compiled
def _caches_session(state, s, home):
    """Whether the home still has the program's own context: more of it than any other instance, or all of it."""
    find_cached(state, s)
    mine = cached_tokens(state, s, home)
    size = state.world[0].block_size
    if mine > 0 and mine == (state.slot[s].target - 1) // size * size:
        return True
    for i in range(len(state.allowed)):
        if i != home and state.allowed[i] and cached_tokens(state, s, i) >= mine:
            return False
    return mine > 0


@compiled
def saga(state, s, affinity_limit=0.8):
    """The home while it caches the session and its load is below `affinity_limit`, else the least load.

    SAGA (HPDC'26) section 5.2; instances without a queue steal waiting turns, see `engine/routing/steal.py`. A session
    counts as cached where more of its context is than elsewhere: what instances share, they share with all sessions.
    `engine/routing/saga_load.py` says what load is.
    """
    freshen(state)
    home = state.program_run[state.slot[s].program].home
    if home != NONE and state.allowed[home] and load(state, home) < affinity_limit and _caches_session(state, s, home):
        return home
    best, least = NONE, 0.0
    for i in range(len(state.allowed)):
        if state.allowed[i] and (best == NONE or load(state, i) < least):
            best, least = i, load(state, i)
    return best
