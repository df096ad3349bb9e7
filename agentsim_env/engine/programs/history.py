"""Gap History: what the gateway has seen of tools and programs that have ended.

A gap is the time from the end of a turn to the moment at which one of its tools has answered: queueing at the tool,
attempts and back-offs included. Each is noted when it ends, for its tool and for all tools together. Past only.
"""

import math

import numpy as np

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE

WEIGHT = 0.2
"""Weight of the last gap in the moving averages (the evolved gate's 0.8/0.2; AgentServeSim's port of SAGA)."""

FAST_WEIGHT = 0.5
"""Weight of the last gap in the fast one (TokenCake, alpha = 0.5)."""

LEAST_GAP_S = 0.001
"""Where logarithms are taken, a shorter gap counts as this long."""


@compiled
def everything(state):
    """Row of `state.gap` for all tools together, the last one."""
    return len(state.gap) - 1


@compiled
def _log(gap_s):
    return math.log(max(gap_s, LEAST_GAP_S))


@compiled
def _note(state, row, gap_s, log):
    """Add a gap and its logarithm to a row: West's update of mean and variance with exponential weights."""
    gap = state.gap[row]
    if gap.n == 0:
        gap.ema_s = gap.fast_ema_s = gap_s
        gap.log_mean = log
    else:
        gap.ema_s += WEIGHT * (gap_s - gap.ema_s)
        gap.fast_ema_s += FAST_WEIGHT * (gap_s - gap.fast_ema_s)
        step = log - gap.log_mean
        gap.log_mean += WEIGHT * step
        gap.log_variance = (1.0 - WEIGHT) * (gap.log_variance + WEIGHT * step * step)
    last = state.last_gaps_s.shape[1]
    state.last_gaps_s[row, gap.n % last] = gap_s
    gap.n += 1
    gap.sum_s += gap_s


@compiled
def source_of(state, e):
    """The turn that an edge leaves: the edges of a program's turns are in the order of the turns."""
    # In a chain it is the turn before the one that waits for it.
    before = state.edge[e].target - 1
    if before >= 0 and 0 <= e - state.turn[before].first_edge < state.turn[before].n_edges:
        return before
    program = state.program[state.turn[state.edge[e].target].program]
    first, behind = program.first_turn, program.first_turn + program.n_turns
    # The last turn whose first edge is `e` or before; of several such turns all but the last have no edges.
    while behind - first > 1:
        middle = (first + behind) // 2
        if state.turn[middle].first_edge <= e:
            first = middle
        else:
            behind = middle
    return first


@compiled
def note_gap(state, e):
    """The tool of edge `e` has answered."""
    gap_s = state.world[0].now_s - state.turn_run[source_of(state, e)].end_s
    log = _log(gap_s)
    _note(state, state.edge[e].tool, gap_s, log)
    _note(state, everything(state), gap_s, log)


@compiled
def note_length(state, turns):
    """A program of so many turns is done: one pair (turns had, turns to come) for each of its turns except the last."""
    world = state.world[0]
    pairs = turns - 1
    squares = pairs * turns * (2 * turns - 1) // 6
    world.pairs += pairs
    world.pair_sum += pairs * turns // 2
    world.pair_squares += squares
    world.pair_products += turns * (pairs * turns // 2) - squares


@compiled
def memoryfulness(state):
    """`-Corr(k, N - k)` over the turns k of programs of N turns (Continuum's eta), 1 if nothing speaks against it.

    1 where all programs have equally many turns, 0 where their number is geometric (what a program has had says nothing
    of what is to come), below 0 where it is heavy-tailed. Both numbers of a pair have one sum and one sum of squares,
    as k runs through 1 .. N - 1 in either direction.
    """
    world = state.world[0]
    if world.pairs == 0:
        return 1.0
    mean = world.pair_sum / world.pairs
    variance = world.pair_squares / world.pairs - mean * mean
    if variance <= 0.0:
        return 1.0
    return (mean * mean - world.pair_products / world.pairs) / variance


@compiled
def mean_wait_s(state):
    """Mean time from ready to first scheduling over the turns that have ended; 0 before the first."""
    world = state.world[0]
    return world.ended_wait_s / world.turns_ended if world.turns_ended > 0 else 0.0


@compiled
def mean_gap_s(state, tool):
    """Mean gap of a tool, of all tools if it is new; -1 if no gap has ended."""
    if state.gap[tool].n == 0:
        tool = everything(state)
    gap = state.gap[tool]
    return gap.sum_s / gap.n if gap.n > 0 else -1.0


@compiled
def tool_of(state, t):
    """The tool whose answer is to be expected first among those that a turn has called, NONE if it has called none.

    By mean gap; of equals the first call.
    """
    turn = state.turn[t]
    best, least_s = NONE, 0.0
    for e in range(turn.first_edge, turn.first_edge + turn.n_edges):
        tool = state.edge[e].tool
        gap_s = mean_gap_s(state, tool)
        if best == NONE or gap_s < least_s:
            best, least_s = np.int64(tool), gap_s
    return best


@compiled
def share_within(state, row, gap_s):
    """Empirical distribution of a row: the share of its last gaps that were `gap_s` or shorter."""
    n = min(state.gap[row].n, state.last_gaps_s.shape[1])
    within = 0
    for k in range(n):
        within += state.last_gaps_s[row, k] <= gap_s
    return within / n if n > 0 else 0.0


@compiled
def expected_remaining_s(state, p):
    """Service that a program will still need: what programs have had in all, at least one more turn, on average."""
    world = state.world[0]
    if world.turns_ended == 0:
        return 1.0
    whole_s = world.done_service_s / world.n_done if world.n_done > 0 else 0.0
    return max(whole_s - state.program_run[p].service_s, world.ended_service_s / world.turns_ended)
