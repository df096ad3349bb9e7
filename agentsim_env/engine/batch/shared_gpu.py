"""Instances that share a GPU: its time goes round in slices, so each is slower while others work.

`docs/semantics.md`, "Instances that share a GPU", is the specification. The instances of a GPU stand in a ring; one
that shares with nobody is a ring by itself.
"""

from agentsim_env.engine.batch.runs import cut
from agentsim_env.engine.core.jit import compiled


@compiled
def _others_that_work(state, i):
    n, j = 0, state.instance[i].next_on_gpu
    while j != i:
        n += state.instance[j].running
        j = state.instance[j].next_on_gpu
    return n


@compiled
def take_turns(state, i):
    """Stretch the run that instance `i` begins by what others take of its GPU."""
    others = _others_that_work(state, i)
    if others > 0:
        instance = state.instance[i]
        instance.run_first_s = (1 + others) * instance.run_first_s + state.world[0].context_switch_s
        instance.run_slope_s = (1 + others) * instance.run_slope_s


@compiled
def cut_others(state, i):
    """Instance `i` begins to work, or ceases: the runs of the others on its GPU go on at another pace."""
    j = state.instance[i].next_on_gpu
    while j != i:
        cut(state, j)
        j = state.instance[j].next_on_gpu
