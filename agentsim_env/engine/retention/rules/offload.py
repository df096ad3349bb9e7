"""Moving what a turn has left to a tier below while its tools run: TokenCake, Pensieve."""

import numpy as np

from agentsim_env.engine.core.decisions import LEAVE, TO_DRAM
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import first_ready, next_ready
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.prefix_lookup import ceil_blocks, found, matched
from agentsim_env.engine.programs.history import everything, mean_gap_s, tool_of
from agentsim_env.engine.residency.residency import available_blocks, deepest, free_blocks, holder_of, idle_on_path
from agentsim_env.engine.retention.rules.cost import first_level, instance_of, round_trip_s, whole_blocks


@compiled
def _stall_s(state, t):
    """`0.5 t_user + 0.5 EWMA`: the mean gap of the tool stands for what a developer would declare; -1 if unknown."""
    tool = tool_of(state, t)
    if tool == NONE or state.gap[everything(state)].n == 0:
        return -1.0
    row = tool if state.gap[tool].n > 0 else everything(state)
    return 0.5 * mean_gap_s(state, row) + 0.5 * state.gap[row].fast_ema_s


@compiled
def _somebody_fits(state, i, blocks):
    """Whether a waiting turn of an instance needs no more than so many blocks."""
    s = first_ready(state, i)
    while s != NONE:
        needed = ceil_blocks(state.slot[s].target, state.world[0].block_size)
        if needed - matched(state, s, found(state, i, s)) <= blocks:
            return True
        s = next_ready(state, s)
    return False


@compiled
def tokencake(state, t, usage=0.6, window_ratio=1.0):
    """Move the context down if the tool is slow and somebody needs the room (TokenCake's gate, EuroSys'27).

    All of: a tier below has room for it; the predicted stall is longer than `window_ratio` times the way down and up;
    a waiting turn fits into what is free and what the context gives back; and with the context in use at least `usage`
    of the blocks are. Else it is left.
    """
    i = instance_of(state, t)
    level = first_level(state, i)
    blocks = whole_blocks(state, t)
    if level == NONE or available_blocks(state, state.tier[i, level].pool) < blocks:
        return LEAVE
    if _stall_s(state, t) <= window_ratio * round_trip_s(state, i, level, blocks):
        return LEAVE
    r = holder_of(state, deepest(state, state.turn[t].segment, i), blocks)
    idle = idle_on_path(state, r)
    pool = state.pool[i]
    if pool.used - pool.idle + idle < usage * pool.capacity:
        return LEAVE
    if not _somebody_fits(state, i, free_blocks(state, i) + idle):
        return LEAVE
    return np.int64(TO_DRAM + level)


@compiled
def pensieve(state, t, low_water=0.25):
    """Move the context down while less than `low_water` (0.25) of the blocks are free (Pensieve, EuroSys'25).

    Pensieve swaps out ahead of time, the least valuable chunks first; when a turn ends, only its own context is to
    be decided about.
    """
    i = instance_of(state, t)
    level = first_level(state, i)
    if level == NONE or free_blocks(state, i) >= low_water * state.pool[i].capacity:
        return LEAVE
    return np.int64(TO_DRAM + level)
