"""Prefetch for turns that have come back and wait."""

from collections.abc import Callable
from typing import Any

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import first_ready, next_ready
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.tiers.prefetch_subjects import can_bring_up, lacks_something


@compiled
def none(state, i):
    """A prefix is brought up when its turn could be admitted, not before."""
    return NONE


def _first_of_whom(question: Callable[..., Any]) -> Any:
    """Compiled function `(state, i, n) -> turn`: the first of the first `n` waiting turns of which `question` holds."""

    def first(state, i, n):
        s = first_ready(state, i)
        while s != NONE and n > 0:
            # What a prefill instance keeps for a turn comes when it is admitted.
            if not state.slot[s].handed and question(state, i, state.slot[s].turn):
                return state.slot[s].turn
            s = next_ready(state, s)
            n -= 1
        return NONE

    first.__qualname__ = f"first_of_whom_{question.__name__}"
    return compiled(first)


_first_to_bring_up = _first_of_whom(can_bring_up)
_first_that_lacks = _first_of_whom(lacks_something)


@compiled
def on_return(state, i):
    """A prefix is brought up as soon as its turn joins the queue, in the order of the queue."""
    return _first_to_bring_up(state, i, state.instance[i].n_waiting)


@compiled
def _window(state, i, share):
    """How many waiting turns have room in `share` of the HBM of instance `i`, by their mean context."""
    instance = state.instance[i]
    if instance.queued_tokens == 0:
        return 0
    tokens = share * state.pool[i].capacity * state.world[0].block_size
    return int(tokens * instance.n_waiting / instance.queued_tokens)


@compiled
def first_lacking(state, i):
    """The first waiting turn that lacks something that could come up, whether it finds room or not, or NONE.

    It is looked for among as many as have room in HBM, so that it takes no longer where more wait.
    """
    return _first_that_lacks(state, i, _window(state, i, 1.0))


@compiled
def fill_memory(state, i):
    """Whether waiting turns have longer contexts than HBM of instance `i` has room for."""
    return state.instance[i].queued_tokens > state.pool[i].capacity * state.world[0].block_size


@compiled
def look_ahead(state, i, share=1.0):
    """So are those of the turns in a window of the queue, as many as have room in `share` (1) of HBM.

    CachedAttention (ATC'24): a window of `C / S` jobs, C being the memory that is fetched to and S the mean size of a
    context in the queue.
    """
    return _first_to_bring_up(state, i, _window(state, i, share))
