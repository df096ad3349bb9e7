"""What becomes of the KV of turns that have ended (`retain_kv`), and when pins end that nobody uses."""

from agentsim_env.engine.batch.runs import cut, synchronise, wake
from agentsim_env.engine.core import events
from agentsim_env.engine.core.asking import ask, is_counted, is_open, take_answer
from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.decisions import DROP, LEAVE, PIN, RETAIN_KV, TO_CXL, TO_DRAM
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import ACTIVE, DECODE_MODE, NONE, PREFILL_MODE
from agentsim_env.engine.core.times import has_happened
from agentsim_env.engine.residency.pins import end_pin, first_made, follows, make_pin, pin_of
from agentsim_env.engine.residency.residency import deepest, drop_path, holder_of, put_first
from agentsim_env.engine.retention.rules import retain
from agentsim_env.engine.tiers.stores import can_store, demote


@compiled
def note_ended(state, t):
    """Turn `t` has ended; if its program goes on behind a tool gap, somebody decides about what it has left."""
    world = state.world[0]
    turn = state.turn[t]
    if turn.n_edges > 0 and state.program_run[turn.program].state == ACTIVE:
        state.ended[world.n_ended] = t
        world.n_ended += 1


@compiled
def ended_turn(state):
    """The turn that `retain_kv` is asked about."""
    return state.ended[state.world[0].next_ended]


@compiled
def left_blocks(state, t):
    """Whole blocks of the context of turn `t` at its end: its last token has no KV."""
    turn = state.turn[t]
    return (turn.prompt_tokens + turn.output_tokens - 1) // state.world[0].block_size


@compiled
def left_by(state, t):
    """Deepest record on its instance of what turn `t` has left, or NONE."""
    r = deepest(state, state.turn[t].segment, state.turn_run[t].instance)
    return holder_of(state, r, left_blocks(state, t))


@component(NUMBER)
def retain_ended(state):
    """Decide about what the turns have left that have just ended, in order.

    Returns RETAIN_KV if someone outside has to decide first, or NONE when it is done.
    """
    world = state.world[0]
    while world.next_ended < world.n_ended:
        t = ended_turn(state)
        r = left_by(state, t)
        if r != NONE:
            answer = take_answer(state)
            if answer == NONE and is_open(state, RETAIN_KV) and is_counted(state, state.turn[t].program):
                _put(state, t)
                return RETAIN_KV
            if answer == NONE or (world.advises and answer == default_retention(state)):
                answer = _by_rule(state, t)
            _carry_out(state, t, r, answer)
        world.next_ended += 1
    world.n_ended = world.next_ended = 0
    return NONE


@compiled
def _has_level(state, i, answer):
    """Whether instance `i` has the tier to which an answer would move KV."""
    return can_store(state, i, answer - TO_DRAM)


@compiled
def _put(state, t):
    """Ask someone outside about what turn `t` has left."""
    i = state.turn_run[t].instance
    ask(state, RETAIN_KV, state.turn[t].program, NONE, i)
    state.option[: PIN + state.world[0].n_pin_times] = 1
    state.option[TO_DRAM] = _has_level(state, i, TO_DRAM)
    state.option[TO_CXL] = _has_level(state, i, TO_CXL)


@compiled
def _by_rule(state, t):
    """The answer of the scenario's rule; what it would move to a tier that is not there is left."""
    answer = retain(state, state.rule[RETAIN_KV], t)
    if answer in (TO_DRAM, TO_CXL) and not _has_level(state, state.turn_run[t].instance, answer):
        return LEAVE
    return answer


@compiled
def default_retention(state):
    """The rule's answer to the pending `retain_kv`.

    A pin of an exact length is the nearest one of the grid, and what is to be evicted first is dropped.
    """
    world = state.world[0]
    answer = _by_rule(state, ended_turn(state))
    if answer != PIN + world.n_pin_times:
        return answer
    if world.pin_s <= 0.0:
        return DROP
    nearest = 0
    for k in range(1, world.n_pin_times):
        if abs(state.pin_grid_s[k] - world.pin_s) < abs(state.pin_grid_s[nearest] - world.pin_s):
            nearest = k
    return PIN + nearest


@compiled
def _carry_out(state, t, r, answer):
    world = state.world[0]
    i = state.turn_run[t].instance
    if answer == DROP:
        state.instance[i].dropped_blocks += drop_path(state, r)
    elif answer in (TO_DRAM, TO_CXL):
        demote(state, i, state.turn[t].segment, left_blocks(state, t), answer - TO_DRAM)
    elif answer >= PIN:
        k = answer - PIN
        seconds = state.pin_grid_s[k] if k < world.n_pin_times else world.pin_s
        if seconds > 0.0:
            again = world.retains_again != 0 and k == world.n_pin_times
            make_pin(state, t, i, r, seconds, again)
            if again:
                _arm(state)
        else:
            put_first(state, r)


# Pins that end without being used.


@compiled
def _end_pin(state, x, goes_first):
    """What was pinned may make room for a waiting turn, in the middle of a run."""
    i = state.pin[x].instance
    synchronise(state, i)
    end_pin(state, x, goes_first)
    if state.instance[i].n_waiting > 0:
        wake(state, i)


@compiled
def _is_awaited(state, x):
    """Whether a turn that follows is in the queue of the instance of a pin."""
    turn = state.turn[state.pin[x].turn]
    for e in range(turn.first_edge, turn.first_edge + turn.n_edges):
        run = state.turn_run[state.edge[e].target]
        if run.instance == state.pin[x].instance and not has_happened(run.scheduled_s):
            return True
    return False


@component(NOTHING, NUMBER)
def expire(state, t):
    """The deadline of the pin that turn `t` has left, if it is still there; one that a turn waits for stays."""
    x = pin_of(state, t)
    if x != NONE and not _is_awaited(state, x):
        state.instance[state.pin[x].instance].pins_expired += 1
        _end_pin(state, x, state.world[0].expired_first != 0)


@compiled
def _arm(state):
    """A tick is due at which the rule is asked again about what it keeps pinned."""
    world = state.world[0]
    if not world.retain_armed:
        world.retain_armed = 1
        events.push(state, world.now_s + world.retain_period_s, events.CONTROL_TICK, events.RETAIN_TICK)


@component(NOTHING)
def retain_again(state):
    """A control tick: the rule is asked again about what it keeps pinned and nobody waits for, the oldest pin first."""
    state.world[0].retain_armed = 0
    for i in range(len(state.instance)):
        x = first_made(state, i)
        while x != NONE:
            after = state.pin[x].previous
            if state.pin[x].again and not _is_awaited(state, x):
                _retain_again(state, i, x)
            x = after
    if _keeps_some(state) and events.more_to_come(state):
        _arm(state)


@compiled
def _keeps_some(state):
    """Whether anything is pinned about which the rule is asked again."""
    for i in range(len(state.instance)):
        x = state.instance[i].pin
        while x != NONE:
            if state.pin[x].again:
                return True
            x = state.pin[x].next
    return False


@compiled
def _retain_again(state, i, x):
    """Keep a pin up to a new deadline, move down what it keeps, or give it up."""
    world = state.world[0]
    t = state.pin[x].turn
    synchronise(state, i)
    answer = _by_rule(state, t)
    if answer == PIN + world.n_pin_times and world.pin_s > 0.0:
        state.pin[x].expiry_s = world.now_s + world.pin_s
        return
    state.instance[i].pins_expired += 1
    moves = answer in (TO_DRAM, TO_CXL)
    _end_pin(state, x, world.expired_first != 0 and not moves)
    if moves:
        demote(state, i, state.turn[t].segment, left_blocks(state, t), answer - TO_DRAM)
        cut(state, i)


@compiled
def _may_come_to(state, t, i):
    """Whether turn `t` can still join a batch of instance `i`; one that is prefilled elsewhere may come to decode."""
    run = state.turn_run[t]
    if has_happened(run.end_s):
        return False
    if run.instance == NONE or run.instance == i:
        return True
    return state.instance[i].mode == DECODE_MODE and state.instance[run.instance].mode == PREFILL_MODE


@compiled
def _may_come(state, x):
    """Whether a turn that follows can still join a batch of the instance of a pin."""
    turn = state.turn[state.pin[x].turn]
    for e in range(turn.first_edge, turn.first_edge + turn.n_edges):
        if _may_come_to(state, state.edge[e].target, state.pin[x].instance):
            return True
    return False


@component(NOTHING, NUMBER)
def release_moved(state, t):
    """Turn `t` has been sent to an instance or has ended: pins that nobody can come for any more are released."""
    x = state.program_run[state.turn[t].program].pin
    while x != NONE:
        after = state.pin[x].next_of_program
        if follows(state, t, state.pin[x].turn) and not _may_come(state, x):
            _end_pin(state, x, False)
        x = after


@component(NOTHING, NUMBER)
def release_program(state, p):
    """Program `p` has failed: none of its turns will come for what is pinned."""
    while state.program_run[p].pin != NONE:
        _end_pin(state, state.program_run[p].pin, False)
