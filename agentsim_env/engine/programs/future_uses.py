"""What is to come, for oracles only: which turns will use a segment, and when each turn is due."""

import numpy as np

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import ACTIVE, HELD, NONE, UNBORN
from agentsim_env.engine.core.times import has_happened
from agentsim_env.engine.programs.societies import has_begun
from agentsim_env.workload.programs import Programs

NOMINAL_TOKEN_S = 1 / 64
"""Service per output token of a turn that has not been served. How long it will take depends on what rules decide; this
keeps the turns of a program in order, 16 ms being what decoding a token takes on the profiles that we ship."""


def uses_of(programs: Programs) -> tuple[np.ndarray, np.ndarray]:
    """(first, turn): turns whose prompts cover a block of segment s are `turn[first[s]:first[s + 1]]`, in order."""
    segment, turn = programs.segment, programs.turn
    whole = turn["prompt_tokens"] // programs.block_size
    at, left = turn["segment"].astype(np.int64), np.arange(len(turn))
    pairs = []
    while len(left):
        covers = segment["start_block"][at] < whole[left]
        pairs.append(np.stack([at[covers], left[covers]]))
        at = segment["parent"][at].astype(np.int64)
        left, at = left[at >= 0], at[at >= 0]
    users = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), np.int64)
    users = users[:, np.lexsort((users[1], users[0]))]
    first = np.searchsorted(users[0], np.arange(len(segment) + 1))
    return first.astype("i4"), users[1].astype("i4")


def due_after(programs: Programs) -> np.ndarray:
    """Time from a program's admission until each of its turns is ready, if a token takes `NOMINAL_TOKEN_S`."""
    edge, turn = programs.edge, programs.turn
    backoff_s = np.array([tool.backoff_s for tool in programs.tools] or [0.0])[edge["tool"]]
    gap_s = edge["gap_s"] * (edge["failures"] + 1) + backoff_s * (2.0 ** edge["failures"] - 1.0)
    due_s = np.zeros(len(turn))
    for t in range(len(turn)):
        end_s = due_s[t] + turn["output_tokens"][t] * NOMINAL_TOKEN_S
        for e in range(turn["first_edge"][t], turn["first_edge"][t] + turn["n_edges"][t]):
            due_s[edge["target"][e]] = max(due_s[edge["target"][e]], end_s + gap_s[e])
    return due_s


@compiled
def tool_s(state, e):
    """How long a tool call takes that never queues: all its attempts and the back-offs between them."""
    edge = state.edge[e]
    backoff_s = state.tool[edge.tool].backoff_s
    return edge.gap_s * (edge.failures + 1) + backoff_s * (2.0**edge.failures - 1.0)


@compiled
def is_over(state, t):
    """Whether a turn will use nothing any more: it or its program has ended."""
    return has_happened(state.turn_run[t].end_s) or state.program_run[state.turn[t].program].state > ACTIVE


@compiled
def _step_due_s(state, t):
    """When the step of a turn begins if steps go on to take as long as they did; now if it has begun."""
    now_s = state.world[0].now_s
    if has_begun(state, t):
        return now_s
    society = state.society[state.program[state.turn[t].program].society]
    each_s, from_s = max(society.step_s, NOMINAL_TOKEN_S), now_s
    if society.step >= 0:
        from_s = state.step_run[society.first_row + society.step].begun_s
    if society.step > 0:
        each_s = max(each_s, (from_s - state.step_run[society.first_row].begun_s) / society.step)
    return max(now_s, from_s + (state.turn[t].step - society.step) * each_s)


@compiled
def due_s(state, t):
    """When a turn that is not over is ready, as far as that can be said: see `NOMINAL_TOKEN_S`."""
    now_s = state.world[0].now_s
    p = state.turn[t].program
    program, run = state.program[p], state.program_run[p]
    if run.state == UNBORN:
        from_s = program.arrival_s if program.after == NONE else now_s + program.arrival_s
        return max(from_s + state.due_after_s[t], _step_due_s(state, t))
    if run.state == HELD:
        return max(now_s + state.due_after_s[t], _step_due_s(state, t))
    if has_happened(state.turn_run[t].ready_s):
        return state.turn_run[t].ready_s
    if not has_begun(state, t):
        return _step_due_s(state, t)
    before = t - 1
    while before >= program.first_turn and not has_happened(state.turn_run[before].ready_s):
        before -= 1
    if before < program.first_turn:
        return now_s + state.due_after_s[t]
    last = state.turn_run[before]
    if not has_happened(last.end_s):
        return now_s + (state.due_after_s[t] - state.due_after_s[before])
    served_s = state.turn[before].output_tokens * NOMINAL_TOKEN_S
    return max(now_s, last.end_s + (state.due_after_s[t] - state.due_after_s[before] - served_s))


@compiled
def next_use_s(state, segment, pool):
    """When instance `pool` is next asked for a segment, inf for never."""
    end = state.use_first[segment + 1]
    at = state.use_at[segment]
    while at < end and is_over(state, state.use_turn[at]):
        at += 1
    state.use_at[segment] = at
    last_follower = state.world[0].last_follower
    soonest_s = np.inf
    for k in range(at, end):
        t = state.use_turn[k]
        p = state.turn[t].program
        run = state.program_run[p]
        if p > last_follower and run.state == UNBORN and state.program[p].arrival_s >= soonest_s:
            break  # from here on they arrive by the clock, in their order
        i = state.turn_run[t].instance
        elsewhere = i >= 0 and i != pool
        if not elsewhere and not is_over(state, t):
            soonest_s = min(soonest_s, due_s(state, t))
    return soonest_s


@compiled
def next_turn_s(state, p):
    """When the next turn of a program that has not ended is due; inf for never."""
    first, soonest_s = state.program[p].first_turn, np.inf
    for t in range(first, first + state.program[p].n_turns):
        if not is_over(state, t):
            soonest_s = min(soonest_s, due_s(state, t))
    return soonest_s


@compiled
def adapter_use_s(state, adapter, pool):
    """When instance `pool` next needs an adapter, as far as programs are not at home elsewhere; inf for never."""
    soonest_s = np.inf
    for k in range(state.adapter_first[adapter], state.adapter_first[adapter + 1]):
        p = state.adapter_owner[k]
        if state.program_run[p].home < 0 or state.program_run[p].home == pool:
            soonest_s = min(soonest_s, next_turn_s(state, p))
    return soonest_s


@compiled
def next_answer_s(state, t):
    """How long the first of the tools that a turn has called will take; -1 if it has called none."""
    turn = state.turn[t]
    shortest_s = -1.0
    for e in range(turn.first_edge, turn.first_edge + turn.n_edges):
        if shortest_s < 0.0 or tool_s(state, e) < shortest_s:
            shortest_s = tool_s(state, e)
    return shortest_s
