"""Workflow-aware LRU (SAGA, HPDC'26, arXiv 2605.00528)."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.rules.lowest import first_candidate, next_candidate
from agentsim_env.engine.eviction.rules.owners import goes_on, idle_s, is_shared


@compiled
def saga_wa_lru(state, pool, idle_weight=0.3, reuse_weight=0.5, size_weight=0.2):
    """The highest `0.3 idle / longest idle + 0.5 (1 - reuse) + 0.2 blocks / most blocks`.

    SAGA takes reuse, `sum over successors of probability x overlap`, from an execution graph. Without one it is the
    probability that the program goes on (`owners.goes_on`), whose next turn extends the context: overlap 1. What
    programs share counts as certain to be used again. The longest and the most are those of the candidates.
    """
    longest_s, most = 0.0, 1
    r = first_candidate(state, pool)
    while r != NONE:
        longest_s = max(longest_s, idle_s(state, r))
        most = max(most, state.resident[r].blocks)
        r = next_candidate(state, r)
    best, highest = NONE, 0.0
    r = first_candidate(state, pool)
    while r != NONE:
        reuse = 1.0 if is_shared(state, r) else goes_on(state, state.resident[r].program)
        score = reuse_weight * (1.0 - reuse)
        score += size_weight * (state.resident[r].blocks / most)
        if longest_s > 0.0:
            score += idle_weight * (idle_s(state, r) / longest_s)
        if best == NONE or score > highest:
            best, highest = r, score
        r = next_candidate(state, r)
    return best
