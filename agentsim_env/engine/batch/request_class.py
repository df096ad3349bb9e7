"""Classes of requests on an instance with two lanes: who is prefilled beside the decodes, and who among them.

A *cold* prefill is the first turn of a program, or one of which nothing is found. Any other is a *resume* prefill, and
joins the decodes if what it lacks is within the budget (Algorithm 1 of AgentServe, arXiv 2603.10342).
"""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.core.times import has_happened
from agentsim_env.engine.eviction.prefix_lookup import uncached_tokens


@compiled
def is_cold(state, s, uncached):
    """Whether the prefill of a turn that lacks `uncached` tokens is a cold one."""
    slot = state.slot[s]
    first = state.turn[slot.turn].n_parents == 0 and not has_happened(state.turn_run[slot.turn].scheduled_s)
    return first or uncached == slot.target


@compiled
def merges(state, i, s):
    """Whether a waiting turn joins the decode lane, as the cache is now."""
    uncached = uncached_tokens(state, i, s)
    return uncached <= state.lanes[i].budget_tokens and not is_cold(state, s, uncached)


@compiled
def pass_over(state, i, merging):
    """Until `pass_over_nobody`, only those waiting turns of instance `i` are seen that merge, or that do not."""
    s = state.instance[i].waiting_head
    while s != NONE:
        state.slot[s].passed_over = merges(state, i, s) != merging
        s = state.slot[s].next


@compiled
def pass_over_nobody(state, i):
    """All waiting turns of instance `i` are seen again."""
    s = state.instance[i].waiting_head
    while s != NONE:
        state.slot[s].passed_over = 0
        s = state.slot[s].next
