"""Program Orchestrator: who has arrived, which turns are ready, when a program is busy, done or failed."""

import numpy as np

from agentsim_env.engine.core import events
from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import join_arrived, join_paused, join_to_route, new_slot, release_paused
from agentsim_env.engine.core.state import ACTIVE, DONE, FAILED, HELD, NONE, REJECTED
from agentsim_env.engine.programs.history import note_gap, note_length
from agentsim_env.engine.programs.reports import calls_no_more, has_come, report_after
from agentsim_env.engine.programs.served import fade_served, note_served
from agentsim_env.engine.programs.societies import end_turn_of_step, enter_society, has_begun, leave_society
from agentsim_env.engine.residency.hits import recomputed_tokens


@compiled
def integrate(state, now_s):
    """Advance the clock and the two integrals of the reward."""
    world = state.world[0]
    step = now_s - world.area_at_s
    world.area_busy += step * world.n_busy
    world.area_all += step * world.n_active
    if world.n_active > 0:
        world.system_s += step
    world.area_at_s = now_s
    world.now_s = world.kv_s = now_s


@compiled
def _counted(state, p):
    return 1 if p >= state.world[0].warmup_programs else 0


@compiled
def enter_busy(state, p):
    """Something of program `p` waits for or is served by the cluster from now on."""
    run = state.program_run[p]
    if run.state != ACTIVE:
        return
    if run.busy == 0:
        run.gap_s += state.world[0].now_s - run.idle_since_s
        state.world[0].n_busy += _counted(state, p)
    run.busy += 1


@compiled
def leave_busy(state, p):
    """Undo one `enter_busy`."""
    run = state.program_run[p]
    if run.state != ACTIVE:
        return
    run.busy -= 1
    if run.busy == 0:
        run.idle_since_s = state.world[0].now_s
        state.world[0].n_busy -= _counted(state, p)


@compiled
def arrive(state, p):
    """A program arrives and asks to be admitted."""
    world = state.world[0]
    run = state.program_run[p]
    run.state = HELD
    run.arrived_s = world.now_s
    run.idle_since_s = world.now_s
    world.n_arrived += 1
    world.n_active += _counted(state, p)
    join_arrived(state, p)


@compiled
def hold(state, p):
    """A program that has just arrived has to wait, and is busy meanwhile."""
    state.program_run[p].busy = 1
    state.world[0].n_busy += _counted(state, p)


@compiled
def get_ready(state, t):
    """All that a turn has waited for is there: it enters the gateway."""
    world = state.world[0]
    state.turn_run[t].ready_s = world.now_s
    enter_busy(state, state.turn[t].program)
    events.push(state, world.now_s + world.frontend_s, events.TURN_READY, t)


@compiled
def let_in(state, p):
    """A program is admitted; its root turns pass the gateway."""
    world = state.world[0]
    run = state.program_run[p]
    if run.busy > 0:
        run.busy = 0
        run.idle_since_s = world.now_s
        world.n_busy -= _counted(state, p)
    run.state = ACTIVE
    run.admitted_s = world.now_s
    run.acting_since_s = world.now_s
    world.n_admitted += 1
    enter_society(state, p)
    program = state.program[p]
    for t in range(program.first_turn, program.first_turn + program.n_turns):
        if state.turn[t].n_parents == 0 and has_begun(state, t):
            get_ready(state, t)


PAST_WEIGHT = 0.8
"""Weight of the turns before the last one in `acting_s` and `reasoning_s`: they count like five turns."""


@compiled
def idleness(state, p):
    """Share of a program's recent time in which it had no turn in the cluster, waits not counted."""
    run = state.program_run[p]
    acting_s = run.acting_s
    if run.live == 0:
        acting_s += state.world[0].now_s - run.acting_since_s
    return acting_s / (acting_s + run.reasoning_s) if acting_s > 0.0 else 0.0


@compiled
def pause(state, p):
    """Turns of a program that become ready are held at the gateway from now on."""
    run = state.program_run[p]
    run.paused = 1
    run.pauses += 1
    run.paused_since_s = state.world[0].now_s
    state.world[0].n_paused += 1


@compiled
def resume(state, p):
    """Undo `pause`: what was held is to be routed."""
    run = state.program_run[p]
    run.paused = 0
    run.paused_s += state.world[0].now_s - run.paused_since_s
    state.world[0].n_paused -= 1
    release_paused(state, p)


@compiled
def _note_context(state, p, tokens):
    """The context of a program has grown to so many tokens, if it was not longer before."""
    run = state.program_run[p]
    more = tokens - run.context_tokens
    if more > 0:
        run.context_tokens = tokens
        if run.state == ACTIVE:
            state.world[0].inside_tokens += more


@compiled
def _enter_cluster(state, t):
    """A turn of its program is there from now on."""
    turn = state.turn[t]
    run = state.program_run[turn.program]
    if run.live == 0 and run.turns_left < state.program[turn.program].n_turns:
        run.acting_s = PAST_WEIGHT * run.acting_s + state.turn_run[t].ready_s - run.acting_since_s
    if run.live == 0 and len(state.served_tokens) > 0:
        fade_served(state, turn.program, state.world[0].now_s - run.acting_since_s)
    run.live += 1
    has_come(state, turn.program)
    _note_context(state, turn.program, turn.prompt_tokens)


@compiled
def _leave_cluster(state, t, service_s):
    """It has ended, after so much service."""
    turn = state.turn[t]
    run = state.program_run[turn.program]
    run.reasoning_s = PAST_WEIGHT * run.reasoning_s + service_s
    run.live -= 1
    _note_context(state, turn.program, turn.prompt_tokens + turn.output_tokens)
    if run.live == 0:
        run.acting_since_s = state.world[0].now_s


@component(NOTHING, NUMBER, NUMBER)
def _end_program(state, p, how):
    """Close the books of a program and start the one that waits for it in a closed loop."""
    world = state.world[0]
    run = state.program_run[p]
    if run.busy > 0:
        world.n_busy -= _counted(state, p)
    else:
        run.gap_s += world.now_s - run.idle_since_s
    if run.state == ACTIVE:
        world.n_admitted -= 1
        world.inside_tokens -= run.context_tokens
        world.ask_held = 1
        if run.paused:
            resume(state, p)
    calls_no_more(state, p)
    run.state = how
    run.end_s = world.now_s
    world.n_active -= _counted(state, p)
    if how == DONE:
        world.n_done += 1
        world.done_tokens += run.context_tokens
        world.done_service_s += run.service_s
        world.n_counted_done += _counted(state, p)
        note_length(state, np.int64(state.program[p].n_turns))
    else:
        world.n_failed += how == FAILED
        world.n_rejected += how == REJECTED
        world.n_charged += _counted(state, p)
    follower = run.follower
    while follower != NONE:
        arrival_s = world.now_s + state.program[follower].arrival_s
        events.push(state, arrival_s, events.PROGRAM_ARRIVAL, follower)
        follower = state.program_run[follower].sibling


@compiled
def reject(state, p):
    """A program is turned away."""
    _end_program(state, p, REJECTED)


@component(NOTHING, NUMBER)
def turn_ready(state, t):
    """A turn has passed the gateway: it is to be routed, or its program fails because no instance can ever hold it."""
    turn = state.turn[t]
    run = state.program_run[turn.program]
    if run.state != ACTIVE:
        return
    if turn.prompt_tokens + turn.output_tokens <= state.world[0].longest_context:
        _enter_cluster(state, t)
        # Of a society nobody is held: its steps would wait, and what is to free memory for the turn waits for them.
        if run.paused and state.program[turn.program].society == NONE:
            join_paused(state, new_slot(state, t))
        else:
            join_to_route(state, new_slot(state, t))
    else:
        leave_society(state, turn.program)
        _end_program(state, turn.program, FAILED)


@compiled
def edge_done(state, e):
    """A tool's result has reached the gateway."""
    note_gap(state, e)
    t = state.edge[e].target
    run = state.turn_run[t]
    run.pending -= 1
    if run.pending == 0 and state.program_run[state.turn[t].program].state == ACTIVE and has_begun(state, t):
        get_ready(state, t)


@compiled
def _account(state, t):
    """Add a turn that has ended to the sums that rewards are made of."""
    world = state.world[0]
    turn, run = state.turn[t], state.turn_run[t]
    ttft_s = run.first_token_s - run.ready_s
    tpot_s = (run.end_s - run.first_token_s) / max(1, turn.output_tokens - 1)
    world.ttft_s += ttft_s
    world.tpot_s += tpot_s
    world.recomputed_tokens += recomputed_tokens(turn, run)
    if ttft_s > world.slo_ttft_s or tpot_s > world.slo_tpot_s:
        world.n_violations += 1


@compiled
def _note_service(state, t):
    """Add the service and the wait of a turn that has ended to all that schedulers look at."""
    world = state.world[0]
    turn, turn_run = state.turn[t], state.turn_run[t]
    run = state.program_run[turn.program]
    service_s = turn_run.end_s - turn_run.scheduled_s
    run.service_s += service_s
    _leave_cluster(state, t, service_s)
    wait_s = turn_run.scheduled_s - turn_run.ready_s
    run.wait_s += wait_s
    world.ended_wait_s += wait_s
    state.tenant[state.program[turn.program].tenant].service_s += service_s
    world.ended_service_s += service_s
    world.turns_ended += 1
    if len(state.served_tokens) > 0:
        note_served(state, t)
    if len(state.path_s) > 0:
        for e in range(turn.first_edge, turn.first_edge + turn.n_edges):
            following = state.edge[e].target
            state.path_s[following] = max(state.path_s[following], state.path_s[t] + service_s)


@component(NOTHING, NUMBER)
def turn_ended(state, t):
    """The last token of a turn is out (its tools have been started): update its program."""
    p = state.turn[t].program
    run = state.program_run[p]
    _note_service(state, t)
    if _counted(state, p):
        _account(state, t)
    if run.state != ACTIVE:
        return
    report_after(state, t)
    end_turn_of_step(state, t)
    run.turns_left -= 1
    if run.turns_left == 0:
        _end_program(state, p, DONE)
    else:
        leave_busy(state, p)
