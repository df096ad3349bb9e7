"""What could be brought up to an instance ahead of its use, for whom, and what became of it.

A subject is a turn: one that waits, or the last one that has ended of a program that acts (none of its turns is in the
cluster): the program's next turn is expected to begin with its context.
"""

from agentsim_env.engine.core import events
from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import ACTIVE, CXL, DRAM, NONE
from agentsim_env.engine.core.times import has_happened
from agentsim_env.engine.residency.residency import available_blocks, deepest, depth_blocks, holder_of, idle_on_path
from agentsim_env.engine.tiers.links import can_begin
from agentsim_env.engine.tiers.lower_pools import reach
from agentsim_env.engine.tiers.on_the_way import load_that_brings


@compiled
def context_blocks(state, t):
    """Whole blocks of a turn's context that are worth bringing up: its prompt, and its output if it has ended."""
    turn, run = state.turn[t], state.turn_run[t]
    tokens = turn.prompt_tokens + (turn.output_tokens if has_happened(run.end_s) else 0)
    return (tokens - 1) // state.world[0].block_size


@compiled
def held_ahead(state, i, t):
    """The deepest record of a subject's context that HBM of instance `i` holds, or NONE."""
    return holder_of(state, deepest(state, state.turn[t].segment, i), context_blocks(state, t))


@component(NUMBER, NUMBER, NUMBER)
def ahead_blocks(state, i, t):
    """Blocks of a subject's context that could be brought up to instance `i` now, from the tiers below it.

    0 if there are none, if they do not find room in what is free or idle, if a load that brings more of the context is
    on its way, or if something was brought up for the program before and is on its way or unused: what has not stayed
    until its use would only push others out a second time.
    """
    ahead = state.ahead[state.turn[t].program]
    if ahead.prefetch != NONE or ahead.prefetched != NONE or not can_begin(state):
        return 0
    leaf, most = state.turn[t].segment, context_blocks(state, t)
    r = held_ahead(state, i, t)
    match = min(depth_blocks(state, r), most)
    if load_that_brings(state, i, leaf, match, most) != NONE:
        return 0
    at = match
    for level in range(DRAM, CXL + 1):
        tier = state.tier[i, level]
        if at < most and tier.pool != NONE and state.link[tier.up].bytes_per_s > 0.0:
            at = min(reach(state, leaf, tier.pool, at), most)
    fits = at - match <= available_blocks(state, i) - idle_on_path(state, r)
    return at - match if fits else 0


@compiled
def most_ahead_s(state, i, t):
    """Time that bringing up a subject's whole context takes at most, without a queue: from the slowest tier."""
    longest_s = 0.0
    for level in range(DRAM, CXL + 1):
        tier = state.tier[i, level]
        if tier.pool != NONE and state.link[tier.up].bytes_per_s > 0.0:
            link = state.link[tier.up]
            longest_s = max(longest_s, link.latency_s + context_blocks(state, t) * link.block_bytes / link.bytes_per_s)
    return longest_s


# Programs that act, by their home, in the order in which their gaps began.


@compiled
def _join_acting(state, p):
    home, ahead = state.program_run[p].home, state.ahead[p]
    instance = state.instance[home]
    ahead.acting_at = home
    ahead.next_acting = NONE
    ahead.previous_acting = instance.acting_tail
    if instance.acting_tail == NONE:
        instance.acting_head = p
    else:
        state.ahead[instance.acting_tail].next_acting = p
    instance.acting_tail = p
    state.world[0].n_acting += 1


@compiled
def _leave_acting(state, p):
    ahead = state.ahead[p]
    instance = state.instance[ahead.acting_at]
    if ahead.previous_acting == NONE:
        instance.acting_head = ahead.next_acting
    else:
        state.ahead[ahead.previous_acting].next_acting = ahead.next_acting
    if ahead.next_acting == NONE:
        instance.acting_tail = ahead.previous_acting
    else:
        state.ahead[ahead.next_acting].previous_acting = ahead.previous_acting
    ahead.acting_at = NONE
    state.world[0].n_acting -= 1


@compiled
def _arm(state):
    """A tick is due as long as a program acts."""
    world = state.world[0]
    if world.n_acting > 0 and not world.prefetch_armed:
        world.prefetch_armed = 1
        events.push(state, world.now_s + world.prefetch_period_s, events.CONTROL_TICK, events.PREFETCH_TICK)


@compiled
def note_turn_ended(state, t):
    """A turn has ended: its program acts if none of its turns is left in the cluster."""
    p = state.turn[t].program
    run = state.program_run[p]
    state.ahead[p].last_turn = t
    if run.state != ACTIVE:
        waste(state, p)
    elif run.live == 0:
        _join_acting(state, p)
        _arm(state)


@compiled
def note_turn_ready(state, t):
    """A turn has passed the gateway: its program does not act any more."""
    p = state.turn[t].program
    if state.ahead[p].acting_at != NONE:
        _leave_acting(state, p)
    if state.program_run[p].state != ACTIVE:
        waste(state, p)


# Instances for which somebody is to be asked.


@compiled
def ask_ahead(state, i):
    """Something has changed: ask what instance `i` is to bring up."""
    world = state.world[0]
    instance = state.instance[i]
    if not world.prefetches or instance.to_prefetch:
        return
    instance.to_prefetch = 1
    instance.next_to_prefetch = NONE
    if world.prefetch_tail == NONE:
        world.prefetch_head = i
    else:
        state.instance[world.prefetch_tail].next_to_prefetch = i
    world.prefetch_tail = i


@compiled
def asked_ahead(state):
    """The first instance of that list has been asked about."""
    world = state.world[0]
    instance = state.instance[world.prefetch_head]
    instance.to_prefetch = 0
    world.prefetch_head = instance.next_to_prefetch
    if world.prefetch_head == NONE:
        world.prefetch_tail = NONE


@component(NOTHING)
def tick_ahead(state):
    """A control tick: ask for all instances at which programs act."""
    state.world[0].prefetch_armed = 0
    for i in range(len(state.instance)):
        if state.instance[i].acting_head != NONE:
            ask_ahead(state, i)
    _arm(state)


# What became of it.


@compiled
def waste(state, p):
    """What has been brought up for a program, if anything, will not be used."""
    ahead = state.ahead[p]
    if ahead.prefetched != NONE:
        state.instance[ahead.prefetched].prefetches_wasted += 1
        ahead.prefetched = NONE


@compiled
def note_brought_up(state, p, i, match):
    """A program's context is in HBM of instance `i`, where `match` blocks of it were before."""
    waste(state, p)
    ahead = state.ahead[p]
    ahead.prefetch = NONE
    ahead.prefetched = i
    ahead.prefetched_from = match
    if state.program_run[p].state != ACTIVE:
        waste(state, p)


@compiled
def note_not_brought_up(state, p, i):
    """Instance `i` has failed before that."""
    state.ahead[p].prefetch = NONE
    state.instance[i].prefetches_wasted += 1


@compiled
def miss_ahead(state, i, p, match):
    """A turn of a program has to load its context on instance `i`, which has `match` blocks of it."""
    if not state.world[0].prefetches:
        return
    ahead = state.ahead[p]
    if ahead.prefetched == i and match <= ahead.prefetched_from:
        waste(state, p)


@compiled
def use_ahead(state, i, p, match):
    """A turn of a program joins the batch of instance `i` and finds `match` blocks of its context."""
    ahead = state.ahead[p]
    if ahead.prefetched == i and match > ahead.prefetched_from:
        state.instance[i].prefetches_used += 1
        ahead.prefetched = NONE
    else:
        waste(state, p)
