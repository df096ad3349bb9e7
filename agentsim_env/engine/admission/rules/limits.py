"""Admission by a limit: of programs, of memory in use, of what still fits."""

from agentsim_env.engine.batch.runs import synchronise
from agentsim_env.engine.core.decisions import ADMIT, HOLD, REJECT
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.prefix_lookup import uncached_prompt_tokens
from agentsim_env.engine.residency.residency import available_blocks


@compiled
def must_queue(state, p):
    """Whether others are held and `p` is not the first of them: it would overtake."""
    first = state.world[0].held_head
    return first not in (NONE, p)


@compiled
def utilisation(state):
    """Share of the blocks of all instances that are up which is in use; 1 if none is up."""
    used, capacity = 0, 0
    for i in range(len(state.instance)):
        if state.instance[i].up:
            synchronise(state, i)
            used += state.pool[i].used - state.pool[i].idle
            capacity += state.pool[i].capacity
    return used / capacity if capacity > 0 else 1.0


@compiled
def admit(state, p):
    """Everybody comes in."""
    return ADMIT


@compiled
def max_programs(state, p, per_instance=16.0, most_held=1e9):
    """At most `per_instance` programs per instance that is up; one that finds `most_held` held is rejected."""
    up = 0
    for i in range(len(state.instance)):
        up += state.instance[i].up
    if not must_queue(state, p) and state.world[0].n_admitted < per_instance * up:
        return ADMIT
    newcomer = state.program_run[p].busy == 0
    if newcomer and state.world[0].n_held >= most_held:
        return REJECT
    return HOLD


@compiled
def watermark(state, p, utilisation_limit=0.9):
    """Hold while the share of the cluster's blocks in use is `utilisation_limit` or more."""
    if must_queue(state, p) or utilisation(state) >= utilisation_limit:
        return HOLD
    return ADMIT


@compiled
def gate(state, p, utilisation_limit=0.9):
    """Hold while every instance is too full: above `utilisation_limit`, and less free or idle than the prompt needs.

    The evolved gate of AgentServeSim (arXiv 2606.09613v3), asked for a program and its first prompt instead of a turn.
    """
    if must_queue(state, p):
        return HOLD
    for i in range(len(state.instance)):
        if not state.instance[i].up:
            continue
        synchronise(state, i)
        pool = state.pool[i]
        if pool.used - pool.idle <= utilisation_limit * pool.capacity:
            return ADMIT
        tokens = uncached_prompt_tokens(state, i, state.program[p].first_turn)
        if tokens <= available_blocks(state, i) * state.world[0].block_size:
            return ADMIT
    return HOLD
