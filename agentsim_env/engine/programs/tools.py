"""Tool Simulator: what happens between the end of a turn and the readiness of its successors."""

from agentsim_env.engine.core import events
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import ACTIVE, NONE
from agentsim_env.engine.programs.orchestrator import enter_busy, leave_busy


@compiled
def start_edges(state, t):
    """A turn has ended: start the tool calls that it made."""
    turn = state.turn[t]
    if state.program_run[turn.program].state != ACTIVE:
        return
    for e in range(turn.first_edge, turn.first_edge + turn.n_edges):
        if state.tool[state.edge[e].tool].concurrency == 0:
            _run_without_server(state, e)
        else:
            _ask_for_place(state, e)


@compiled
def _run_without_server(state, e):
    """All attempts of a tool that never queues, in one event."""
    world = state.world[0]
    edge = state.edge[e]
    done_s = world.now_s + edge.gap_s * (edge.failures + 1)
    backoff_s = state.tool[edge.tool].backoff_s
    for _ in range(edge.failures):
        done_s += backoff_s
        backoff_s *= 2.0
    events.push(state, done_s, events.EDGE_DONE, e)


@compiled
def _program_of(state, e):
    return state.turn[state.edge[e].target].program


@compiled
def _begin_attempt(state, e):
    edge = state.edge[e]
    state.tool[edge.tool].running += 1
    state.edge_attempt[e] += 1
    events.push(state, state.world[0].now_s + edge.gap_s, events.TOOL_END, e)


@compiled
def _ask_for_place(state, e):
    """A call takes a free place of its server or waits in the queue, where its program is busy."""
    tool = state.tool[state.edge[e].tool]
    if tool.running < tool.concurrency:
        _begin_attempt(state, e)
        return
    state.edge_next[e] = NONE
    if tool.queue_head == NONE:
        tool.queue_head = e
    else:
        state.edge_next[tool.queue_tail] = e
    tool.queue_tail = e
    enter_busy(state, _program_of(state, e))


@compiled
def tool_end(state, e):
    """An attempt ends: the next call of the queue begins; this one is done, or retries after its back-off."""
    world = state.world[0]
    edge = state.edge[e]
    tool = state.tool[edge.tool]
    tool.running -= 1
    if tool.queue_head != NONE:
        following = tool.queue_head
        tool.queue_head = state.edge_next[following]
        leave_busy(state, _program_of(state, following))
        _begin_attempt(state, following)
    attempts = state.edge_attempt[e]
    if attempts > edge.failures:
        events.push(state, world.now_s, events.EDGE_DONE, e)
    else:
        events.push(state, world.now_s + tool.backoff_s * 2.0 ** (attempts - 1), events.TOOL_RETRY, e)


@compiled
def tool_retry(state, e):
    """The back-off of a failed attempt is over."""
    _ask_for_place(state, e)
