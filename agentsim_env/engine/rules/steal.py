"""Work stealing between instances (SAGA): an idle instance takes the oldest waiting turn of a loaded one."""

from agentsim_env.engine.batching import expect, wake
from agentsim_env.engine.chance import chance
from agentsim_env.engine.jit import compiled
from agentsim_env.engine.lists import join_waiting, leave_waiting
from agentsim_env.engine.state import NONE

IDLE_S = 0.1
"""How long an instance must have been idle before it steals (SAGA: 100 ms)."""

IMBALANCE = 2.0
"""A victim has more than this many times the turns of the thief (SAGA: 2x)."""


@compiled
def _victim(state, thief):
    """A random instance with waiting turns and more than IMBALANCE times the thief's load; NONE if there is none."""
    mine = state.instance[thief].n_waiting + state.instance[thief].n_running
    n = 0
    for i in range(len(state.instance)):
        instance = state.instance[i]
        if instance.n_waiting > 0 and instance.n_waiting + instance.n_running > IMBALANCE * mine:
            n += 1
    if n == 0:
        return NONE
    k = int(chance(state) * n)
    for i in range(len(state.instance)):
        instance = state.instance[i]
        if instance.n_waiting > 0 and instance.n_waiting + instance.n_running > IMBALANCE * mine:
            if k == 0:
                return i
            k -= 1
    return NONE


@compiled
def steal(state):
    """One steal a tick: the first instance that has been idle long enough takes the head of a random victim's queue."""
    world = state.world[0]
    for thief in range(len(state.instance)):
        instance = state.instance[thief]
        if not instance.up or instance.running or world.now_s - instance.idle_since_s < IDLE_S:
            continue
        victim = _victim(state, thief)
        if victim == NONE:
            return
        s = state.instance[victim].waiting_head
        slot = state.slot[s]
        turn = state.turn[slot.turn]
        if turn.prompt_tokens + turn.output_tokens > instance.max_context:
            return
        leave_waiting(state, victim, s)
        state.instance[victim].outstanding_tokens -= slot.target
        state.instance[thief].outstanding_tokens += slot.target
        slot.instance = thief
        state.turn_run[slot.turn].instance = thief
        state.program_run[slot.program].home = thief
        expect(state, thief, s)
        join_waiting(state, thief, s)
        wake(state, thief)
        return
