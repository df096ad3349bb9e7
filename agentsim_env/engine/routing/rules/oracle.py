"""Routing with knowledge of the future: what a perfect prediction of output lengths would bring."""

from agentsim_env.engine.batch.decodes import generated_tokens
from agentsim_env.engine.batch.look import find_cached, lowest_score
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.routing.rules.estimated_latency import latency_s


@compiled
def _left(state, i, s):
    """Output tokens that a waiting or running turn of instance `i` has still to generate."""
    return state.turn[state.slot[s].turn].output_tokens - generated_tokens(state, i, s)


@compiled
def _left_beside(state, i, tokens):
    """Output tokens that the turns of instance `i` will generate until they end, at most `tokens` each."""
    total = 0
    s = state.instance[i].waiting_head
    while s != NONE:
        total += min(_left(state, i, s), tokens)
        s = state.slot[s].next
    s = state.instance[i].running_head
    while s != NONE:
        total += min(_left(state, i, s), tokens)
        s = state.slot[s].next
    return total


@compiled
def oracle_least_work(state, s):
    """Least time added up over the turn and the turns that are there, their output lengths being known.

    Otherwise as `lowest_estimated_latency`. No bound: it looks at one turn at a time, as the other rules do.
    """
    find_cached(state, s)
    turn, slot = state.turn[state.slot[s].turn], state.slot[s]
    output_tokens = turn.output_tokens - slot.generated
    for i in range(len(state.allowed)):
        if state.allowed[i]:
            own_s, delay_s = latency_s(state, s, i, float(output_tokens), _left_beside(state, i, output_tokens))
            state.score[i] = own_s + delay_s
    return lowest_score(state)
