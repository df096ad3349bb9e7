"""Programs that are paused between two turns, so that the contexts of the others fit into memory.

A paused program's next turn is held at the gateway until it is resumed. One that is paused while a turn of it is in
the cluster ends that turn first.
"""

import math

from agentsim_env.engine.admission.rules.limits import must_queue
from agentsim_env.engine.core.decisions import ADMIT, HOLD
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import ACTIVE, NONE
from agentsim_env.engine.programs.orchestrator import idleness, pause, resume

FULL, SPLIT, HOLDER = range(3)
"""How a prefix counts that several programs share: for each of them, in equal parts, for the first of them only."""

NO_DECAY = math.inf
"""The half-life of what does not fade."""


@compiled
def _capacity_tokens(state):
    """Tokens of KV that the instances which are up can hold."""
    blocks = 0
    for i in range(len(state.instance)):
        blocks += state.pool[i].capacity if state.instance[i].up else 0
    return blocks * state.world[0].block_size


@compiled
def _is_in(state, p):
    return state.program_run[p].state == ACTIVE and not state.program_run[p].paused


@compiled
def _find_sharers(state, how):
    """Note of each shared prefix how many programs that are in have it, or 1 + the first of them."""
    state.sharer[:] = 0
    for p in range(len(state.program)):
        prefix = state.prefix[p].segment
        if prefix != NONE and _is_in(state, p):
            if how == SPLIT:
                state.sharer[prefix] += 1
            elif state.sharer[prefix] == 0:
                state.sharer[prefix] = p + 1


@compiled
def _of_others(state, p, how):
    """Tokens of the prefix of a program that is in that count for others."""
    if how == FULL or state.prefix[p].segment == NONE:
        return 0.0
    prefix = state.prefix[p]
    if how == SPLIT:
        return prefix.tokens * (1.0 - 1.0 / state.sharer[prefix.segment])
    return 0.0 if state.sharer[prefix.segment] == p + 1 else float(prefix.tokens)


@compiled
def _demand_tokens(state, p, buffer_tokens, half_life_s, attribution):
    """Tokens that a program counts with; while it acts (its tools run), half as many after each half-life."""
    run = state.program_run[p]
    tokens = run.context_tokens + buffer_tokens
    tokens -= _of_others(state, p, int(attribution))
    if run.live > 0 or half_life_s == NO_DECAY:
        return tokens
    acting_s = state.world[0].now_s - run.acting_since_s
    return tokens * math.pow(2.0, -acting_s / half_life_s)


@compiled
def _total_tokens(state, buffer_tokens, half_life_s, attribution):
    """What all programs count with that are not paused, and how many these are."""
    total, n = 0.0, 0
    if int(attribution) != FULL:
        _find_sharers(state, int(attribution))
    for p in range(len(state.program)):
        if _is_in(state, p):
            total += _demand_tokens(state, p, buffer_tokens, half_life_s, attribution)
            n += 1
    return total, n


@compiled
def _to_pause(state, by_idleness):
    """Acting programs before others, and of these the smallest context, or the most idle; NONE if all are paused."""
    best, best_acts, least = NONE, False, 0.0
    for p in range(len(state.program)):
        run = state.program_run[p]
        if run.state != ACTIVE or run.paused:
            continue
        acts = run.live == 0
        key = -idleness(state, p) if by_idleness else float(run.context_tokens)
        if best == NONE or (acts and not best_acts) or (acts == best_acts and key < least):
            best, best_acts, least = p, acts, key
    return best


@compiled
def _to_resume(state, by_idleness):
    """Paused programs with a turn before those without, and of these the smallest context, or the least idle."""
    best, best_acts, least = NONE, False, 0.0
    for p in range(len(state.program)):
        run = state.program_run[p]
        if not run.paused:
            continue
        acts = run.live == 0
        key = idleness(state, p) if by_idleness else float(run.context_tokens)
        if best == NONE or (best_acts and not acts) or (acts == best_acts and key < least):
            best, best_acts, least = p, acts, key
    return best


@compiled
def _answer(state, p, by_idleness, buffer_tokens, half_life_s, attribution):
    """Admit a program while its first prompt fits beside the others, and no paused one has a turn that waits."""
    if must_queue(state, p):
        return HOLD
    if state.world[0].n_paused > 0 and state.program_run[_to_resume(state, by_idleness)].live > 0:
        return HOLD
    prompt = state.turn[state.program[p].first_turn].prompt_tokens + buffer_tokens
    total, _ = _total_tokens(state, buffer_tokens, half_life_s, attribution)
    return ADMIT if total + prompt <= _capacity_tokens(state) else HOLD


@compiled
def thunder_agent(state, p, buffer_tokens=100.0, half_life_s=1.0, attribution=0.0):
    """Contexts of all programs that are not paused fit into memory, checked every `period_s` (ThunderAgent).

    arXiv 2602.13692: sum over those with a turn of c + sum over those that act for t of c 2^(-t / half_life_s) <=
    capacity, c being the context and `buffer_tokens`. Above it the acting programs are paused, smallest first, then
    the others; recomputing costs c^2, so that small ones are the cheapest way to free a given sum. Below it they are
    resumed: those with a turn that waits, new programs, those that act, smallest first. A prefix that several programs
    share counts with each of them, or by `attribution` 1 in equal parts, 2 with the first of them (the released code
    counts it once); a program that is not in yet counts in full.
    """
    return _answer(state, p, False, buffer_tokens, half_life_s, attribution)


@compiled
def mori(state, p, buffer_tokens=100.0, attribution=0.0):
    """As `thunder_agent`, in the order of idleness and without decay (MORI, 2606.00866).

    Idleness is the share of tool time in tool time and service over the last cycles (five there; here they fade by a
    fifth each). The most idle are paused, the least idle resumed first. Without its CPU queue: the KV of what is
    paused is left to the cache.
    """
    return _answer(state, p, True, buffer_tokens, NO_DECAY, attribution)


@compiled
def _total_with(state, p, is_in, total, buffer_tokens, half_life_s, attribution):
    """What all count with after a paused program has come in (`is_in`), or one that is in has been paused."""
    if int(attribution) == FULL:
        tokens = _demand_tokens(state, p, buffer_tokens, half_life_s, attribution)
        return total + tokens if is_in else total - tokens
    run = state.program_run[p]
    before = run.paused
    run.paused = 0 if is_in else 1
    total, _ = _total_tokens(state, buffer_tokens, half_life_s, attribution)
    run.paused = before
    return total


@compiled
def _take_stock(state, by_idleness, buffer_tokens, half_life_s, attribution):
    """Pause while the contexts are too many, else resume while they fit."""
    capacity = _capacity_tokens(state)
    total, n = _total_tokens(state, buffer_tokens, half_life_s, attribution)
    if total > capacity:
        while total > capacity and n > 1:
            p = _to_pause(state, by_idleness)
            total = _total_with(state, p, False, total, buffer_tokens, half_life_s, attribution)
            n -= 1
            pause(state, p)
        return
    while state.world[0].n_paused > 0:
        p = _to_resume(state, by_idleness)
        total = _total_with(state, p, True, total, buffer_tokens, half_life_s, attribution)
        if total > capacity and n > 0:
            return
        n += 1
        resume(state, p)


@compiled
def pause_smallest(state, buffer_tokens, half_life_s, attribution):
    """A tick of `thunder_agent`."""
    _take_stock(state, False, buffer_tokens, half_life_s, attribution)


@compiled
def pause_most_idle(state, buffer_tokens, attribution):
    """A tick of `mori`."""
    _take_stock(state, True, buffer_tokens, NO_DECAY, attribution)
