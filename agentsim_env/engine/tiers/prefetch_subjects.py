"""What could be brought up to an instance ahead of its use, for whom, and what became of it.

A subject is a turn: one that waits, or the last one that has ended of a program that acts (none of its turns is in the
cluster): the program's next turn is expected to begin with its context.
"""

from agentsim_env.engine.core import events
from agentsim_env.engine.core.component import NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import ACTIVE, CXL, DRAM, NONE
from agentsim_env.engine.core.times import has_happened
from agentsim_env.engine.programs.invocation_distance import reused_segment
from agentsim_env.engine.residency.adapters import has_slot, lacks_adapter, needed_adapter
from agentsim_env.engine.residency.residency import available_blocks, deepest, depth_blocks, holder_of, idle_on_path
from agentsim_env.engine.tiers.links import can_begin
from agentsim_env.engine.tiers.lower_pools import reach
from agentsim_env.engine.tiers.on_the_way import load_that_brings


@compiled
def context_blocks(state, t):
    """Whole blocks of a turn's context that are worth bringing up: its prompt, and its output if it has ended.

    Where the prefetch rule knows what is used again, it is not more than that of a turn that has ended.
    """
    turn, size = state.turn[t], state.world[0].block_size
    if not has_happened(state.turn_run[t].end_s):
        return (turn.prompt_tokens - 1) // size
    blocks = (turn.prompt_tokens + turn.output_tokens - 1) // size
    return min(blocks, _reused_blocks(state, t)) if state.world[0].knows_reuse else blocks


@compiled
def _reused_blocks(state, t):
    """Blocks up to the end of what is used again of a turn's path."""
    segment = reused_segment(state, t)
    return 0 if segment == NONE else state.segment[segment].start_block + state.segment[segment].n_blocks


@compiled
def held_ahead(state, i, t):
    """The deepest record of a subject's context that HBM of instance `i` holds, or NONE."""
    return holder_of(state, deepest(state, state.turn[t].segment, i), context_blocks(state, t))


@component(NUMBER, NUMBER, NUMBER)
def lacking_blocks(state, i, t):
    """Blocks of a subject's context that HBM of instance `i` lacks and the tiers below it have.

    NONE if a load that brings more of the context is on its way, or if something was brought up for the program before
    and is on its way or unused: what has not stayed until its use would only push others out a second time.
    """
    ahead = state.ahead[state.turn[t].program]
    if ahead.prefetch != NONE or ahead.prefetched != NONE or not can_begin(state):
        return NONE
    leaf, most = state.turn[t].segment, context_blocks(state, t)
    match = min(depth_blocks(state, held_ahead(state, i, t)), most)
    if match == most:
        return 0
    if load_that_brings(state, i, leaf, match, most) != NONE:
        return NONE
    at = match
    for level in range(DRAM, CXL + 1):
        tier = state.tier[i, level]
        if at < most and tier.pool != NONE and state.link[tier.up].bytes_per_s > 0.0:
            at = min(reach(state, leaf, tier.pool, at), most)
    return at - match


@compiled
def ahead_blocks(state, i, t):
    """The same; NONE also if they do not find room in what is free or idle."""
    blocks = lacking_blocks(state, i, t)
    if blocks > available_blocks(state, i) - idle_on_path(state, held_ahead(state, i, t)):
        return NONE
    return blocks


@compiled
def lacks_something(state, i, t):
    """Whether there is something of what a subject needs to bring up to instance `i`, whether it finds room or not."""
    blocks = lacking_blocks(state, i, t)
    if not state.world[0].has_adapters or blocks == NONE:
        return blocks > 0
    return blocks > 0 or lacks_adapter(state, i, needed_adapter(state, i, state.turn[t].program))


@compiled
def can_bring_up(state, i, t):
    """Whether there is something of what a subject needs to bring up to instance `i` now, and all of it finds room."""
    blocks = ahead_blocks(state, i, t)
    if not state.world[0].has_adapters or blocks == NONE:
        return blocks > 0
    a = needed_adapter(state, i, state.turn[t].program)
    return has_slot(state, i, a) and (blocks > 0 or lacks_adapter(state, i, a))


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


@compiled
def ask_for_acting(state):
    """Ask for all instances at which programs act: distances may have changed."""
    for i in range(len(state.instance)):
        if state.instance[i].acting_head != NONE:
            ask_ahead(state, i)


@compiled
def tick_ahead(state):
    """A control tick of prefetching comes again as long as a program acts."""
    state.world[0].prefetch_armed = 0
    _arm(state)


# What became of it.


@compiled
def waste(state, p):
    """What has been brought up for a program, if anything, will not be used."""
    ahead = state.ahead[p]
    if ahead.prefetched != NONE:
        instance = state.instance[ahead.prefetched]
        instance.prefetches_wasted += 1
        instance.wasted_bytes += ahead.prefetched_blocks * instance.block_bytes
        instance.wasted_bytes += ahead.prefetched_adapter * instance.adapter_bytes
        ahead.prefetched = NONE


@compiled
def note_brought_up(state, p, i, load):
    """What a load has brought up for a program is in HBM of instance `i`."""
    waste(state, p)
    ahead = state.ahead[p]
    ahead.prefetch = NONE
    ahead.prefetched = i
    ahead.prefetched_from = state.transfer[load].first
    ahead.prefetched_blocks = state.transfer[load].reserved
    ahead.prefetched_adapter = 0
    x = load
    while x != NONE:
        ahead.prefetched_adapter += state.transfer[x].adapter_slot != NONE
        x = state.transfer[x].sibling
    if state.program_run[p].state != ACTIVE:
        waste(state, p)


@compiled
def note_not_brought_up(state, p, i):
    """Instance `i` has failed before that."""
    state.ahead[p].prefetch = NONE
    state.instance[i].prefetches_wasted += 1


@compiled
def _finds(state, i, p, match, lacks_adapter):
    """Whether a turn finds anything of what has been brought up for its program, if that is on instance `i`."""
    ahead = state.ahead[p]
    return match > ahead.prefetched_from or (ahead.prefetched_adapter and not lacks_adapter)


@compiled
def miss_ahead(state, i, p, match, lacks_adapter):
    """A turn of a program has to load something on instance `i`, which has `match` blocks of its context."""
    if not state.world[0].prefetches:
        return
    if state.ahead[p].prefetched == i and not _finds(state, i, p, match, lacks_adapter):
        waste(state, p)


@compiled
def use_ahead(state, i, p, match, lacked_adapter):
    """A turn of a program joins the batch of instance `i` and finds `match` blocks of its context."""
    ahead = state.ahead[p]
    if ahead.prefetched == i and _finds(state, i, p, match, lacked_adapter):
        state.instance[i].prefetches_used += 1
        ahead.prefetched = NONE
    else:
        waste(state, p)
