"""Least attained service in tokens, as llm-d's gateway has it."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import first_ready, next_ready
from agentsim_env.engine.core.state import NONE


@compiled
def _waited_s(state, s):
    return state.world[0].now_s - state.turn_run[state.slot[s].turn].ready_s


@compiled
def _within(value, least, most):
    """Where a value lies between the least and the most; 0 if these are equal."""
    return (value - least) / (most - least) if most > least else 0.0


@compiled
def llm_d_las(state, i, service_weight=0.8, wait_weight=0.2):
    """The highest `service_weight * (1 - service) + wait_weight * wait`, each scaled to [0, 1] among those that wait.

    llm-d's `program-aware-fairness`, strategy `las`. Service of a program: prompt + 2 x output tokens of its turns that
    have ended, halved after each `half_life_s` in which no turn of it is in the cluster. llm-d orders the queues of its
    gateway while too much is in flight; here it is the queue of an instance.
    """
    first = first_ready(state, i)
    least, most = state.served_tokens[state.slot[first].program], state.served_tokens[state.slot[first].program]
    shortest_s = longest_s = _waited_s(state, first)
    s = next_ready(state, first)
    while s != NONE:
        served, waited_s = state.served_tokens[state.slot[s].program], _waited_s(state, s)
        least, most = min(least, served), max(most, served)
        shortest_s, longest_s = min(shortest_s, waited_s), max(longest_s, waited_s)
        s = next_ready(state, s)
    best, highest = NONE, 0.0
    s = first
    while s != NONE:
        service = _within(state.served_tokens[state.slot[s].program], least, most)
        wait = _within(_waited_s(state, s), shortest_s, longest_s)
        score = service_weight * (1.0 - service) + wait_weight * wait
        if best == NONE or score > highest:
            best, highest = s, score
        s = next_ready(state, s)
    return best
