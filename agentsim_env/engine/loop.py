"""The event loop: advance until the next decision that someone outside wants, or the end."""

from agentsim_env.engine.admission.admission import tick
from agentsim_env.engine.batch.handover import hand_over, let_go, route_again
from agentsim_env.engine.batch.leave_batch import leave_batch, requeue
from agentsim_env.engine.batch.prefill_lane import end_chunk
from agentsim_env.engine.batch.runs import catch_up, cut, end_run, give_token, next_ended, synchronise
from agentsim_env.engine.batch.shared_gpu import cut_others
from agentsim_env.engine.core import events, policies
from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.decisions import ENDED, PAUSED, ROUTE_TURN, STUCK, TRUNCATED
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import free_slot, join_to_plan, leave_waiting, unpark_all
from agentsim_env.engine.core.next_up import bring_near
from agentsim_env.engine.core.state import DECODE, FAILED, FOR_ONE, NONE, PREFILL_MODE, TWO_LANES, WRITE_THROUGH
from agentsim_env.engine.lanes.prefill_budget import tick_budgets
from agentsim_env.engine.latency.iteration_time import iterations_begun
from agentsim_env.engine.latency.lane_shares import note_share
from agentsim_env.engine.loads.orphans import lose_kept
from agentsim_env.engine.loads.transfer_ends import lose_transfers, renew, transfer_end
from agentsim_env.engine.programs.orchestrator import arrive, edge_done, integrate, turn_ended, turn_ready
from agentsim_env.engine.programs.step_begins import step_begins
from agentsim_env.engine.programs.tools import start_edges, tool_end, tool_retry
from agentsim_env.engine.residency.adapters import lose_adapters
from agentsim_env.engine.residency.kv_time import charge
from agentsim_env.engine.residency.pins import lose_pins
from agentsim_env.engine.residency.residency import drop_all
from agentsim_env.engine.retention.retention import expire, note_ended, release_moved, release_program, retain_again
from agentsim_env.engine.routing.router import leaves, place, refresh_view
from agentsim_env.engine.routing.steal import steal
from agentsim_env.engine.settle import settle
from agentsim_env.engine.tiers.prefetch_subjects import ask_for_acting, note_turn_ended, note_turn_ready, tick_ahead
from agentsim_env.engine.tiers.stores import store


@compiled
def _answer(state, action):
    """Do what was decided, or leave it to the instance that is being planned."""
    world = state.world[0]
    asked = world.asked
    world.asked = NONE
    if asked == ROUTE_TURN:
        place(state, action)
    else:
        world.answer = action


@compiled
def _skip_followers(state):
    """Programs of a closed loop arrive by event, not by the clock."""
    world = state.world[0]
    while world.next_program < len(state.program) and state.program[world.next_program].after != NONE:
        world.next_program += 1


@compiled
def _peek(state):
    """Kind, id and time of what happens next: an open-loop arrival, the first event, or the end of a run."""
    world = state.world[0]
    kind, number, time_s = NONE, NONE, 0.0
    if world.n_events > 0:
        first = state.event[0]
        kind, number, time_s = first.key >> 32, first.key & 0xFFFFFFFF, first.time_s
    if world.next_program < len(state.program):
        arrival_s = state.program[world.next_program].arrival_s
        earlier = kind == NONE or arrival_s < time_s
        same = arrival_s == time_s
        if earlier or (same and (kind > events.PROGRAM_ARRIVAL)):
            kind, number, time_s = events.PROGRAM_ARRIVAL, NONE, arrival_s
        elif same and kind == events.PROGRAM_ARRIVAL and world.next_program < number:
            number = NONE
    if world.n_due > 0:
        due = state.due[0]
        if kind == NONE or due.time_s < time_s:
            kind, number, time_s = events.ITERATION_END, due.instance, due.time_s
    return kind, number, time_s


@compiled
def _handle(state, kind, number):
    world = state.world[0]
    if kind == events.ITERATION_END:
        _iteration_end(state, number)
        return
    if kind == events.PROGRAM_ARRIVAL and number == NONE:
        world.next_program += 1
        arrive(state, world.next_program - 1)
        return
    events.pop(state)
    if kind == events.EDGE_DONE:
        edge_done(state, number)
    elif kind == events.TURN_READY:
        turn_ready(state, number)
        _release_failed(state, state.turn[number].program)
        if state.world[0].prefetches:
            note_turn_ready(state, number)
    elif kind == events.PROGRAM_ARRIVAL:
        arrive(state, number)
    elif kind == events.TOOL_END:
        tool_end(state, number)
    elif kind == events.TOOL_RETRY:
        tool_retry(state, number)
    elif kind == events.CONTROL_TICK:
        _control_tick(state, number)
    elif kind == events.TRANSFER_END:
        transfer_end(state, number)
    elif kind == events.PIN_EXPIRY:
        expire(state, number)
    elif kind == events.STEP_BEGIN:
        step_begins(state, number)
        if world.prefetches:
            _look_ahead_again(state)
    elif kind == events.PREFILL_END:
        _prefill_end(state, number)
    elif kind == events.INSTANCE_DOWN:
        _instance_down(state, number)
    elif kind == events.INSTANCE_UP:
        _instance_up(state, number)


@compiled
def _release_failed(state, p):
    """If a program has failed, nothing of it is kept any more."""
    if state.program_run[p].state == FAILED and state.program_run[p].pin != NONE:
        release_program(state, p)


@compiled
def _iteration_end(state, i):
    """The run of instance `i` ends: turns end, tools start, the next iteration is formed."""
    end_run(state, i)
    while True:
        s = next_ended(state, i)
        if s == NONE:
            break
        leaves(state, s)
        if state.instance[i].mode == PREFILL_MODE and not _has_all_output(state, s):
            hand_over(state, i, s)
        else:
            _end_turn(state, i, s)
    if state.instance[i].mode == TWO_LANES:
        # The prefill lane may have it form something before it begins the next one.
        state.instance[i].running = 0
    join_to_plan(state, i)


@component(NOTHING, NUMBER)
def _prefill_end(state, i):
    """The iteration in the prefill lane of instance `i` ends: its turn goes on, or has a token and is to decode."""
    synchronise(state, i)
    charge(state, i)
    s = end_chunk(state, i)
    if s != NONE:
        give_token(state, i, s)
        if _has_all_output(state, s):
            leaves(state, s)
            _end_turn(state, i, s)
    cut(state, i)
    join_to_plan(state, i)


@compiled
def _has_all_output(state, s):
    return state.slot[s].generated == state.turn[state.slot[s].turn].output_tokens


@compiled
def _end_turn(state, i, s):
    slot = state.slot[s]
    t = slot.turn
    leave_batch(state, i, s)
    state.instance[i].outstanding_tokens -= slot.target
    state.instance[i].turns += 1
    state.instance[i].output_tokens += state.turn[t].output_tokens
    if state.world[0].write_policy == WRITE_THROUGH:
        computed = state.turn[t].prompt_tokens + state.turn[t].output_tokens - 1
        store(state, i, state.turn[t].segment, computed // state.world[0].block_size)
    free_slot(state, s)
    state.turn_run[t].end_s = state.world[0].now_s
    start_edges(state, t)
    turn_ended(state, t)
    if state.world[0].retains:
        release_moved(state, t)
        note_ended(state, t)
    if state.world[0].prefetches:
        note_turn_ended(state, t)


@compiled
def _tick_again(state, period_s, number):
    """A periodic tick comes again, unless nothing is left to happen that it could see or change."""
    if events.more_to_come(state):
        events.push(state, state.world[0].now_s + period_s, events.CONTROL_TICK, number)


@component(NOTHING)
def _look_ahead_again(state):
    """Programs that act are nearer to their next turns, or have said something new of them."""
    if state.world[0].renews:
        renew(state)
    ask_for_acting(state)


@component(NOTHING, NUMBER)
def _control_tick(state, number):
    world = state.world[0]
    if number == events.VIEW_TICK:
        refresh_view(state)
        _tick_again(state, world.view_delay_s, number)
    elif number == events.ADMISSION_TICK:
        tick(state)
    elif number == events.PREFETCH_TICK:
        _look_ahead_again(state)
        tick_ahead(state)
    elif number == events.RETAIN_TICK:
        retain_again(state)
    elif number == events.BUDGET_TICK:
        tick_budgets(state)
    else:
        steal(state)
        _tick_again(state, world.steal_period_s, number)


@compiled
def _instance_up(state, i):
    instance = state.instance[i]
    instance.up = 1
    state.world[0].allowed_for = FOR_ONE
    instance.up_since_s = state.world[0].now_s
    unpark_all(state)


@component(NOTHING, NUMBER)
def _instance_down(state, i):
    """The iteration in flight and all KV are lost; the turns of the instance are routed again."""
    instance = state.instance[i]
    now_s = state.world[0].now_s
    if instance.running or instance.n_running > 0:
        _lose_batch(state, i)
    if state.world[0].has_links:
        lose_transfers(state, i)
    while instance.waiting_head != NONE:
        s = instance.waiting_head
        leave_waiting(state, i, s)
        _send_back(state, i, s)
    lose_pins(state, i)
    lose_kept(state, i)
    drop_all(state, i)
    lose_adapters(state, i)
    if instance.up:
        instance.up_s += now_s - instance.up_since_s
    instance.up = 0
    state.world[0].allowed_for = FOR_ONE


@compiled
def _lose_iteration(state, i):
    """The last iteration begun does not count."""
    instance = state.instance[i]
    now_s = state.world[0].now_s
    begun = iterations_begun(state, i, now_s)
    catch_up(state, i, begun)
    instance.busy_s += max(0.0, now_s - instance.run_base_s)
    if instance.mode == TWO_LANES:
        note_share(state, i, max(0.0, now_s - instance.run_base_s))
    instance.decode_tokens += instance.n_decode * (begun - 1)


@compiled
def _lose_batch(state, i):
    """Turns keep what earlier iterations have generated; what is in flight is lost."""
    instance = state.instance[i]
    if instance.running:
        _lose_iteration(state, i)
    charge(state, i)
    while instance.running_head != NONE:
        s = instance.running_head
        slot = state.slot[s]
        was_decode = slot.state == DECODE
        leave_batch(state, i, s)
        if was_decode and not instance.prefills_only:
            slot.generated -= 1
        instance.asked_tokens -= slot.target - slot.computed
        state.turn_run[slot.turn].preemptions += 1
        requeue(state, i, s)
        _send_back(state, i, s)
    instance.running = 0
    events.clear_due(state, i)
    if state.world[0].shares_gpus:
        cut_others(state, i)


@compiled
def _send_back(state, i, s):
    """A turn of a failed instance goes to the router again."""
    state.instance[i].outstanding_tokens -= state.slot[s].target
    state.slot[s].handed = 0
    let_go(state, s)
    route_again(state, s)


@compiled
def _prefills(state):
    """Whether the prefill lane of an instance works."""
    working = 0
    for i in range(len(state.lanes)):
        working += state.lanes[i].prefilling != NONE
    return working > 0


@component(NUMBER, NUMBER)
def advance(state, action):
    """Answer the pending decision with `action`, if there is one, and run until the next.

    Returns the number of the decision kind that is asked, or ENDED, TRUNCATED or STUCK (nothing is left to happen
    although programs have not ended); PAUSED after as many events as a slice has, or where the faults are known no
    further.
    """
    world = state.world[0]
    # These do not change in here; as variables they need not be read again at each event.
    left, limit_s, faults_until_s = world.slice_events, world.time_limit_s, world.faults_until_s
    if world.asked != NONE:
        _answer(state, action)
    while True:
        asked = settle(state)
        if asked != NONE:
            if not (world.policy_kinds >> asked) & 1:
                return asked
            _answer(state, policies.answers(state, asked))
            continue
        ended = world.n_done + world.n_rejected + world.n_failed == len(state.program)
        if ended and world.n_due == 0 and not _prefills(state):
            return ENDED
        _skip_followers(state)
        kind, number, time_s = _peek(state)
        if kind == NONE:
            return STUCK
        if time_s > limit_s:
            integrate(state, limit_s)
            return TRUNCATED
        if time_s >= faults_until_s:
            return PAUSED
        integrate(state, time_s)
        bring_near(state, kind)
        _handle(state, kind, number)
        left -= 1
        if left == 0:
            return PAUSED


@compiled
def add_faults(state, faults, until_s):
    """Schedule failures and returns of instances; all before `until_s` are known then."""
    for k in range(len(faults)):
        kind = events.INSTANCE_UP if faults[k].up else events.INSTANCE_DOWN
        events.push(state, faults[k].time_s, kind, faults[k].instance)
    state.world[0].faults += len(faults)
    state.world[0].faults_until_s = until_s
