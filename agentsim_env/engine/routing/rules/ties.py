"""Ties that are broken by chance."""

from agentsim_env.engine.batch.look import highest_score
from agentsim_env.engine.core.chance import chance
from agentsim_env.engine.core.jit import compiled


@compiled
def random_best(state):
    """One of the allowed instances with the largest `state.score`, by chance."""
    best = highest_score(state)
    ties = 0
    for i in range(len(state.allowed)):
        if state.allowed[i] and state.score[i] == state.score[best]:
            ties += 1
    k = int(chance(state) * ties) if ties > 1 else 0
    for i in range(best, len(state.allowed)):
        if state.allowed[i] and state.score[i] == state.score[best]:
            if k == 0:
                return i
            k -= 1
    return best
