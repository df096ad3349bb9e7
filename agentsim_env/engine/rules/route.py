"""Rules that answer `route_turn`: an instance for a ready turn. One function and one row each.

A rule sees `state.allowed` (at least two instances are), the turn's slot `s`, and the cluster through `state.seen`.
"""

from agentsim_env.engine.chance import chance
from agentsim_env.engine.decisions import ROUTE_TURN
from agentsim_env.engine.jit import compiled
from agentsim_env.engine.rules.table import Rule, dispatcher
from agentsim_env.engine.state import NONE


@compiled
def random(state, s):
    """Any allowed instance with equal probability."""
    n = 0
    for i in range(len(state.allowed)):
        n += state.allowed[i]
    k = int(chance(state) * n)
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            if k == 0:
                return i
            k -= 1
    return NONE


@compiled
def round_robin(state, s):
    """The next allowed instance after the last one."""
    world = state.world[0]
    n = len(state.allowed)
    i = (world.last_routed + 1) % n
    while not state.allowed[i]:
        i = (i + 1) % n
    world.last_routed = i
    return i


@compiled
def least_loaded(state, s):
    """Fewest turns, waiting or running."""
    best, fewest = NONE, 0
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            turns = state.seen[i].n_waiting + state.seen[i].n_running
            if best == NONE or turns < fewest:
                best, fewest = i, turns
    return best


@compiled
def least_tokens(state, s):
    """Fewest tokens of context among waiting and running turns."""
    best, fewest = NONE, 0
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            tokens = state.seen[i].outstanding_tokens
            if best == NONE or tokens < fewest:
                best, fewest = i, tokens
    return best


@compiled
def session_affinity(state, s):
    """The program's home while it runs fewer turns than `capacity_limit`, else the least loaded (AgentServeSim)."""
    home = state.program_run[state.slot[s].program].home
    if home != NONE and state.allowed[home]:
        turns = state.seen[home].n_waiting + state.seen[home].n_running
        if turns < state.parameter[ROUTE_TURN, 0]:
            return home
    return least_loaded(state, s)


ROUTE_RULES: dict[str, Rule] = {
    "random": Rule(random),
    "round_robin": Rule(round_robin),
    "least_loaded": Rule(least_loaded),
    "least_tokens": Rule(least_tokens),
    "session_affinity": Rule(session_affinity, {"capacity_limit": 64.0}),
}

route = dispatcher(ROUTE_RULES, __file__)
