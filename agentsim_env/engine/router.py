"""Session-Aware Router: placement of ready turns, homes, the router's own memory, work stealing."""

from agentsim_env.engine.admission import admissions, rule_for_program
from agentsim_env.engine.ahead import ask_ahead, asked_ahead
from agentsim_env.engine.batching import synchronise, wake
from agentsim_env.engine.component import NOTHING, NUMBER, component
from agentsim_env.engine.decisions import (
    ADMIT_PROGRAM,
    EVICT_KV,
    PREEMPT_TURN,
    PREFETCH_KV,
    RETAIN_KV,
    ROUTE_TURN,
    SCHEDULE_TURN,
)
from agentsim_env.engine.eviction import default_eviction
from agentsim_env.engine.jit import compiled
from agentsim_env.engine.leaving import expect
from agentsim_env.engine.lists import join_waiting, leave_to_plan, leave_to_route, park
from agentsim_env.engine.plan import plan
from agentsim_env.engine.prefetch import bring_up, default_subject
from agentsim_env.engine.prefix import kept_blocks
from agentsim_env.engine.recent import note_sent
from agentsim_env.engine.residency import deepest, depth_blocks, remember
from agentsim_env.engine.retention import default_retention, release_moved, retain_ended
from agentsim_env.engine.rules.route import route
from agentsim_env.engine.scheduling import default_turn, default_victim
from agentsim_env.engine.state import DECODE_MODE, NONE, WAITING

DRAWS_BITS = 16
"""A routing has room for 2 ** 16 draws of chance; those of the work stealing that follows it come after its own."""


@compiled
def _find_allowed(state, s):
    """Fill the mask of instances that can take a turn now; returns how many there are, and the last of them."""
    turn = state.turn[state.slot[s].turn]
    tokens = turn.prompt_tokens + turn.output_tokens
    handed = state.slot[s].handed == 1
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


@compiled
def _keep_in_mind(state, i, s):
    """The router notes what it sends to instance `i`: the prompt in its tree, and the prefill that this takes by it."""
    slot = state.slot[s]
    turn = state.turn[slot.turn]
    size = state.world[0].block_size
    pool = len(state.instance) + i
    cached = max(depth_blocks(state, deepest(state, turn.segment, pool)), kept_blocks(state, s))
    cached = min(cached, (slot.target - 1) // size) * size
    note_sent(state, i, slot.target - cached, cached)
    remember(state, turn.segment, pool, turn.prompt_tokens // size)


@component(NOTHING, NUMBER)
def place(state, i):
    """Send the first turn to be routed to instance `i`."""
    world = state.world[0]
    s = leave_to_route(state)
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


@component(NUMBER)
def settle(state):
    """Decide about the KV of ended turns, admit programs, form iterations and route turns, as far as they are due now.

    Returns the kind of the decision that someone outside has to make first, or NONE.
    """
    world = state.world[0]
    if world.n_ended > 0:
        asked = retain_ended(state)
        if asked != NONE:
            return asked
    if world.arrived_head != NONE or world.ask_held:
        asked = admissions(state)
        if asked != NONE:
            return asked
    while world.plan_head != NONE or world.route_head != NONE or world.prefetch_head != NONE:
        if world.plan_head != NONE:
            asked = plan(state, world.plan_head)
            if asked != NONE:
                return asked
            leave_to_plan(state)
            continue
        if world.route_head == NONE:
            asked = bring_up(state, world.prefetch_head)
            if asked != NONE:
                return asked
            asked_ahead(state)
            continue
        s = world.route_head
        n, last = _find_allowed(state, s)
        if n == 0:
            park(state, leave_to_route(state))
        elif n == 1:
            place(state, last)
        elif (world.open_kinds >> ROUTE_TURN) & 1 and state.slot[s].program >= world.warmup:
            world.asked = ROUTE_TURN
            world.asked_slot = s
            world.asked_instance = NONE
            return ROUTE_TURN
        else:
            place(state, by_rule(state, s))
    return NONE


@component(NUMBER)
def asked_rule(state):
    """What the scenario's rule answers to the pending decision; asking changes nothing that matters."""
    asked = state.world[0].asked
    if asked == ADMIT_PROGRAM:
        return rule_for_program(state, state.world[0].asked_program)
    if asked == SCHEDULE_TURN:
        return default_turn(state)
    if asked == PREEMPT_TURN:
        return default_victim(state)
    if asked == RETAIN_KV:
        return default_retention(state)
    if asked == EVICT_KV:
        return default_eviction(state)
    if asked == PREFETCH_KV:
        return default_subject(state)
    chances = state.world[0].chances
    answer = by_rule(state, state.world[0].asked_slot)
    state.world[0].chances = chances
    return answer


@compiled
def refresh_view(state):
    """Show the router the instances and what is in their caches as they are now."""
    for i in range(len(state.instance)):
        synchronise(state, i)
        state.seen[i] = state.instance[i]
        state.seen_pool[i] = state.pool[i]
    state.seen_holder[:] = state.holder
    for r in range(state.world[0].n_residents):
        state.seen_resident[r] = state.resident[r]
