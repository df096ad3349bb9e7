"""Session-Aware Router: placement of ready turns, homes, the router's own memory, work stealing."""

import numpy as np

from agentsim_env.engine.batch.leave_batch import expect
from agentsim_env.engine.batch.runs import synchronise, wake
from agentsim_env.engine.core.asking import ask, is_counted, is_open
from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.decisions import ROUTE_TURN
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import join_waiting, leave_to_route, park
from agentsim_env.engine.core.next_up import bring_instance_near
from agentsim_env.engine.core.state import DECODE_MODE, FOR_HANDED, FOR_NEW, FOR_ONE, NONE, WAITING
from agentsim_env.engine.eviction.prefix_lookup import kept_blocks
from agentsim_env.engine.latency.recently_sent import note_sent as note_prefill_sent
from agentsim_env.engine.residency.residency import deepest, depth_blocks, remember
from agentsim_env.engine.retention.retention import release_moved
from agentsim_env.engine.routing.rules import note_left, note_sent, route
from agentsim_env.engine.tiers.prefetch_subjects import ask_ahead

DRAWS_BITS = 16
"""A routing has room for 2 ** 16 draws of chance; those of the work stealing that follows it come after its own."""


@compiled
def _find_allowed(state, s):
    """Fill the mask of instances that can take a turn now; returns how many there are, and the last of them.

    The mask stays as it is for the next turn that has no longer a context than any of them takes.
    """
    world = state.world[0]
    turn = state.turn[state.slot[s].turn]
    tokens = turn.prompt_tokens + turn.output_tokens
    handed = state.slot[s].handed == 1
    for_short = (FOR_HANDED if handed else FOR_NEW) if tokens <= world.least_context else FOR_ONE
    if for_short == FOR_ONE or for_short != world.allowed_for:
        world.n_allowed, world.last_allowed = _fill_allowed(state, tokens, handed)
        world.allowed_for = for_short
    return np.int64(world.n_allowed), np.int64(world.last_allowed)


@compiled
def _fill_allowed(state, tokens, handed):
    n, last = 0, NONE
    for i in range(len(state.instance)):
        instance = state.instance[i]
        ok = instance.up == 1 and tokens <= instance.max_context and (instance.mode == DECODE_MODE) == handed
        state.allowed[i] = ok
        n += ok
        last = i if ok else last
    return n, last


@compiled
def by_rule(state, s):
    """What the scenario's rule answers for a turn; its chance depends on the number of the routing, not on who asks."""
    state.world[0].chances = state.world[0].routed << DRAWS_BITS
    return route(state, state.rule[ROUTE_TURN], s)


@component(NOTHING, NUMBER, NUMBER)
def _keep_in_mind(state, i, s):
    """The router notes what it sends to instance `i`: the prompt in its tree, and the prefill that this takes by it."""
    slot = state.slot[s]
    turn = state.turn[slot.turn]
    size = state.world[0].block_size
    pool = len(state.instance) + i
    cached = max(depth_blocks(state, deepest(state, turn.segment, pool)), kept_blocks(state, s))
    cached = min(cached, (slot.target - 1) // size) * size
    note_prefill_sent(state, i, slot.target - cached, cached)
    remember(state, turn.segment, pool, turn.prompt_tokens // size)


@component(NOTHING, NUMBER)
def place(state, i):
    """Send the first turn to be routed to instance `i`."""
    world = state.world[0]
    bring_instance_near(state, i)
    s = leave_to_route(state)
    if world.router_learns:
        note_sent(state, state.rule[ROUTE_TURN], s, i)
    slot = state.slot[s]
    run = state.turn_run[slot.turn]
    slot.instance = i
    slot.state = WAITING
    run.instance = i
    run.routed_s = world.now_s
    world.routed += 1
    if slot.handed:
        world.last_handed = i
    else:
        world.last_routed = i
        state.program_run[slot.program].home = i
    if state.program_run[slot.program].pin != NONE:
        release_moved(state, slot.turn)
    state.instance[i].outstanding_tokens += slot.target
    if world.keep_tree:
        _keep_in_mind(state, i, s)
    synchronise(state, i)
    expect(state, i, s)
    join_waiting(state, i, s)
    wake(state, i)
    ask_ahead(state, i)


@compiled
def leaves(state, s):
    """A turn leaves the batch of its instance for good: it has ended there, or is handed over."""
    if state.world[0].router_learns:
        note_left(state, state.rule[ROUTE_TURN], s, np.int64(state.slot[s].instance))


@component(NUMBER)
def route_next(state):
    """Send the first turn that is to be routed on, or hold it while no instance can take it.

    Returns ROUTE_TURN if someone outside is asked where to, or NONE.
    """
    s = state.world[0].route_head
    n, last = _find_allowed(state, s)
    if n == 0:
        park(state, leave_to_route(state))
    elif n == 1:
        place(state, last)
    elif is_open(state, ROUTE_TURN) and is_counted(state, state.slot[s].program):
        ask(state, ROUTE_TURN, NONE, s, NONE)
        return ROUTE_TURN
    else:
        place(state, by_rule(state, s))
    return NONE


@component(NUMBER)
def default_instance(state):
    """What the scenario's rule answers to the pending routing; asking draws no chance."""
    chances = state.world[0].chances
    answer = by_rule(state, state.world[0].asked_slot)
    state.world[0].chances = chances
    return answer


@component(NOTHING)
def refresh_view(state):
    """Show the router the instances and what is in their caches as they are now."""
    for i in range(len(state.instance)):
        synchronise(state, i)
        state.seen[i] = state.instance[i]
        state.seen_present[i] = state.present[i]
        state.seen_pool[i] = state.pool[i]
    for s in range(len(state.holder)):
        state.seen_holder[s] = state.holder[s]
    for r in range(state.world[0].n_residents):
        state.seen_resident[r] = state.resident[r]
