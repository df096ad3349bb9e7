"""Work stealing between instances (SAGA): one whose queue is empty takes the oldest waiting turn of a loaded one."""

from agentsim_env.engine.batch.leave_batch import expect
from agentsim_env.engine.batch.runs import synchronise, wake
from agentsim_env.engine.core.chance import chance
from agentsim_env.engine.core.component import NOTHING, component
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import join_waiting, leave_waiting
from agentsim_env.engine.core.state import DECODE_MODE, NONE, PREFILL_MODE
from agentsim_env.engine.retention.retention import release_moved
from agentsim_env.engine.routing.saga_load import load

IDLE_S = 0.1
"""How long the queue of an instance must have been empty before it steals (SAGA: 100 ms)."""

TICK_SLACK_S = 1e-9
"""Ticks are sums of periods: rounding must not cost a whole one."""

IMBALANCE = 2.0
"""A victim has more than this many times the load of the thief (SAGA: 2x)."""


@compiled
def _may_steal(state, i):
    """Whether instance `i` has been up with an empty queue for long enough."""
    instance = state.instance[i]
    since_s = max(instance.unqueued_since_s, instance.up_since_s)
    return instance.up == 1 and instance.n_waiting == 0 and state.world[0].now_s - since_s >= IDLE_S - TICK_SLACK_S


@compiled
def _is_victim(state, i, thief, load_of_thief):
    if state.instance[i].n_waiting == 0 or not _alike(state, i, thief):
        return False
    return load(state, i) > IMBALANCE * load_of_thief


@compiled
def _alike(state, i, j):
    """Whether two instances take the same turns: to be prefilled, to be decoded, or both."""
    a, b = state.instance[i].mode, state.instance[j].mode
    return a == b or max(a, b) < PREFILL_MODE


@compiled
def _victim(state, thief):
    """A random instance with waiting turns and more than IMBALANCE times the thief's load; NONE if there is none."""
    mine = load(state, thief)
    n = 0
    for i in range(len(state.instance)):
        n += 1 if _is_victim(state, i, thief, mine) else 0
    if n == 0:
        return NONE
    k = int(chance(state) * n)
    for i in range(len(state.instance)):
        if _is_victim(state, i, thief, mine):
            if k == 0:
                return i
            k -= 1
    return NONE


@compiled
def _move(state, s, source, target):
    """A waiting turn changes its instance, and its program its home."""
    slot = state.slot[s]
    leave_waiting(state, source, s)
    state.instance[source].outstanding_tokens -= slot.target
    state.instance[target].outstanding_tokens += slot.target
    slot.instance = target
    state.turn_run[slot.turn].instance = target
    if state.instance[target].mode != DECODE_MODE:
        state.program_run[slot.program].home = target
    state.instance[target].steals += 1
    if state.program_run[slot.program].pin != NONE:
        release_moved(state, slot.turn)
    expect(state, target, s)
    join_waiting(state, target, s)
    wake(state, target)


@component(NOTHING)
def steal(state):
    """One steal per tick: the first instance that may takes the head of a random victim's queue."""
    for i in range(len(state.instance)):
        synchronise(state, i)
    for thief in range(len(state.instance)):
        if not _may_steal(state, thief):
            continue
        victim = _victim(state, thief)
        if victim == NONE:
            continue
        s = state.instance[victim].waiting_head
        turn = state.turn[state.slot[s].turn]
        fits = turn.prompt_tokens + turn.output_tokens <= state.instance[thief].max_context
        if fits and state.slot[s].transfer == NONE:
            _move(state, s, victim, thief)
            return
