"""Routing by one number for cache and load (LMetric), and by the session first (SMetric)."""

from agentsim_env.engine.batch.look import cached_tokens, find_cached, lowest_score, turns
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.routing.rules.loads import least_loaded


@compiled
def lmetric(state, s):
    """Smallest product: tokens to prefill there x (turns there + 1).

    LMetric (OSDI'26, arXiv 2603.15202; llm-d's scorer `lmetric`): a product has no weights to tune.
    """
    find_cached(state, s)
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            missing = state.slot[s].target - cached_tokens(state, s, i)
            state.score[i] = float(missing * (turns(state, i) + 1))
    return lowest_score(state)


@compiled
def _longest_hit(state, s):
    """The allowed instance with the longest hit, and of these the one with the fewest turns."""
    best = NONE
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            mine = cached_tokens(state, s, i)
            most = cached_tokens(state, s, best) if best != NONE else -1
            if mine > most or (mine == most and turns(state, i) < turns(state, best)):
                best = i
    return best


@compiled
def _is_overloaded(state, i, load_limit):
    """Whether instance `i` has more than `load_limit` times the turns that allowed instances have on average."""
    n, total = 0, 0
    for j in range(len(state.allowed)):
        if state.allowed[j]:
            n += 1
            total += turns(state, j)
    return turns(state, i) * n > load_limit * total


@compiled
def smetric(state, s, load_limit=2.0, hit_share=0.5):
    """A program's first turn goes to the fewest turns, a later one to the longest hit, unless that is overloaded.

    SMetric (arXiv 2607.08565): sessions are balanced when they begin and stay after that. A later turn, too, goes to
    the fewest turns if the instance with the longest hit has more than `load_limit` times the mean number of turns, or
    if less than `hit_share` of the program's history is found there, which is what the prompt has of earlier turns. How
    much less is too little is not known; one half is ours.
    """
    if state.program_run[state.slot[s].program].home == NONE:
        return least_loaded(state, s)
    find_cached(state, s)
    best = _longest_hit(state, s)
    turn = state.turn[state.slot[s].turn]
    history = turn.prompt_tokens - turn.new_tokens
    if _is_overloaded(state, best, load_limit) or cached_tokens(state, s, best) < hit_share * history:
        return least_loaded(state, s)
    return best
