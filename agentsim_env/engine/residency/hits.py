"""Prefill tokens that turns look up in the cache and find there, in their first stay in a batch and in later ones."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import FIRST, MOVED, RETURNED
from agentsim_env.engine.core.times import has_happened


@compiled
def begin_stay(state, i, s):
    """A turn is about to join the batch of instance `i`: note which stay this is, and what it looks up."""
    slot = state.slot[s]
    run = state.turn_run[slot.turn]
    if not has_happened(run.scheduled_s):
        slot.stay = FIRST
        state.instance[i].lookup_tokens += slot.target
    elif slot.handed:
        slot.stay = MOVED
    else:
        slot.stay = RETURNED
        run.readmission_lookup_tokens += slot.target
        state.instance[i].readmission_lookup_tokens += slot.target


@compiled
def count_hit(state, i, s, tokens):
    """Note prefill tokens that the cache has spared a turn."""
    slot = state.slot[s]
    run, instance = state.turn_run[slot.turn], state.instance[i]
    if slot.stay == FIRST:
        run.hit_tokens += tokens
        instance.hit_tokens += tokens
        return
    run.readmission_hit_tokens += tokens
    instance.readmission_hit_tokens += tokens
    if slot.stay == MOVED:
        # It looked nothing up when it joined.
        run.readmission_lookup_tokens += tokens
        instance.readmission_lookup_tokens += tokens


@compiled
def all_hits(instance):
    """Prefill tokens that were found in the cache of an instance, in first stays and in later ones."""
    return instance.hit_tokens + instance.readmission_hit_tokens


@compiled
def recomputed_tokens(turn, run):
    """Prefill tokens computed for a turn that its program had had before.

    These are tokens of earlier turns that its first stay had to compute, and what it computed again in later stays.
    """
    once = min(run.computed_tokens, turn.prompt_tokens - run.hit_tokens)
    return max(0, once - turn.new_tokens) + run.computed_tokens - once
