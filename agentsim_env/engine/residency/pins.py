"""Pins: what a turn has left on an instance is kept there, up to a deadline, for the turns that follow it.

A pin ends when it is used (a turn that follows joins a batch of the instance), expires, is broken (blocks are needed
and nothing idle is left), or is released (nobody can come for it any more).
"""

from agentsim_env.engine.core import events
from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.residency.residency import pin_record, unpin_record


@compiled
def _new_pin(state):
    world = state.world[0]
    x = world.free_pin
    if x == NONE:
        x = world.n_pins
        world.n_pins += 1
    else:
        world.free_pin = state.pin[x].next
    return x


@compiled
def make_pin(state, t, i, r, seconds, again):
    """Pin record `r` of instance `i` and its ancestors for what follows turn `t`.

    It takes the place of a pin that an earlier turn of the program left on the same leaf. If the rule is asked `again`
    about the pin, the rule ends it: the deadline only says when it is broken, compared with others.
    """
    run = state.program_run[state.turn[t].program]
    instance = state.instance[i]
    pin_record(state, r)
    x = run.pin
    while x != NONE:
        other = state.pin[x]
        after = other.next_of_program
        if other.instance == i and state.turn[other.turn].segment == state.turn[t].segment:
            end_pin(state, x, False)
        x = after
    x = _new_pin(state)
    pin = state.pin[x]
    pin.turn = t
    pin.instance = i
    pin.record = r
    pin.expiry_s = state.world[0].now_s + seconds
    pin.again = again
    pin.previous = NONE
    pin.next = instance.pin
    if instance.pin != NONE:
        state.pin[instance.pin].previous = x
    instance.pin = x
    pin.next_of_program = run.pin
    run.pin = x
    instance.pins_made += 1
    if not again and pin.expiry_s < float("inf"):
        events.push(state, pin.expiry_s, events.PIN_EXPIRY, t)


@component(NOTHING, NUMBER, NUMBER)
def end_pin(state, x, goes_first):
    """Take a pin away; what it has kept is the first to go, or ordinary cache."""
    pin = state.pin[x]
    instance = state.instance[pin.instance]
    if pin.previous == NONE:
        instance.pin = pin.next
    else:
        state.pin[pin.previous].next = pin.next
    if pin.next != NONE:
        state.pin[pin.next].previous = pin.previous
    _leave_program(state, x)
    unpin_record(state, pin.record, goes_first)
    pin.turn = NONE
    pin.next = state.world[0].free_pin
    state.world[0].free_pin = x


@compiled
def _leave_program(state, x):
    """Take a pin out of the list of its program, which is short."""
    run = state.program_run[state.turn[state.pin[x].turn].program]
    if run.pin == x:
        run.pin = state.pin[x].next_of_program
        return
    before = run.pin
    while state.pin[before].next_of_program != x:
        before = state.pin[before].next_of_program
    state.pin[before].next_of_program = state.pin[x].next_of_program


@compiled
def first_made(state, i):
    """The oldest pin of instance `i`, or NONE."""
    x = state.instance[i].pin
    while x != NONE and state.pin[x].next != NONE:
        x = state.pin[x].next
    return x


@compiled
def pin_of(state, t):
    """The pin that turn `t` has left, or NONE."""
    x = state.program_run[state.turn[t].program].pin
    while x != NONE and state.pin[x].turn != t:
        x = state.pin[x].next_of_program
    return x


@compiled
def follows(state, t, before):
    """Whether turn `t` waits for a tool that turn `before` has called."""
    turn = state.turn[before]
    edges = 0
    for e in range(turn.first_edge, turn.first_edge + turn.n_edges):
        edges += 1 if state.edge[e].target == t else 0
    return edges > 0


@component(NOTHING, NUMBER, NUMBER)
def use_pins(state, i, t):
    """Turn `t` joins the batch of instance `i`: the pins there that were meant for it have done their work."""
    x = state.program_run[state.turn[t].program].pin
    while x != NONE:
        pin = state.pin[x]
        after = pin.next_of_program
        if pin.instance == i and follows(state, t, pin.turn):
            end_pin(state, x, False)
            state.instance[i].pins_used += 1
        x = after


@component(NUMBER, NUMBER)
def break_latest(state, i):
    """Give up the pin of instance `i` with the latest deadline (of equals the later turn's) that frees something.

    Returns whether there was one.
    """
    best = NONE
    x = state.instance[i].pin
    while x != NONE:
        pin = state.pin[x]
        if state.resident[pin.record].locks == 0 and (best == NONE or _is_later(state, x, best)):
            best = x
        x = pin.next
    if best == NONE:
        return False
    end_pin(state, best, False)
    state.instance[i].pins_broken += 1
    return True


@compiled
def _is_later(state, x, other):
    a, b = state.pin[x], state.pin[other]
    return a.expiry_s > b.expiry_s or (a.expiry_s == b.expiry_s and a.turn > b.turn)


@compiled
def lose_pins(state, i):
    """Instance `i` fails: nothing is left to be pinned."""
    while state.instance[i].pin != NONE:
        end_pin(state, state.instance[i].pin, False)
