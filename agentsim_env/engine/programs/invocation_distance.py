"""Invocation distance (ScaleSim, arXiv 2601.21473): how long until a program's next LLM call, as far as it has said.

It counts in steps for a program of a society, in seconds for others; only its order matters. What is true is not looked
at: nothing here knows more than the last report of a program (`state.announced`) and what the cluster sees anyway.
"""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import ACTIVE, NONE

UNKNOWN = 2.0**40
"""Distance of a program that has not reported since its last call: beyond all that are reported."""

NEVER = float("inf")
"""Distance of what has ended, and of what nobody uses again: beyond even what is not known."""


@compiled
def is_active(state, p):
    """Whether a turn of a program is in the cluster or at its gateway."""
    return state.program_run[p].live > 0


@compiled
def distance(state, p):
    """Steps, or seconds, until the next call of program `p`, `float64`.

    0.0 if it is active. Else what it has announced, less the time that has passed since: 0.0 too if that is over and
    the call has not come (it is late, or passes the gateway), so that `is_active` tells the two apart. `UNKNOWN`
    without a report since its last call, `NEVER` after its end.
    """
    run = state.program_run[p]
    if run.state > ACTIVE:
        return NEVER
    if run.live > 0:
        return 0.0
    if len(state.announced) == 0 or state.announced[p] == NEVER:
        return UNKNOWN
    q = state.program[p].society
    now = state.world[0].now_s if q == NONE else float(state.society[q].step)
    return max(0.0, state.announced[p] - now)


@compiled
def _nearest(state, owner, first, end):
    """The least distance of some owners. It takes as long as there are owners, up to the first at 0."""
    nearest = NEVER
    for k in range(first, end):
        nearest = min(nearest, distance(state, owner[k]))
        if nearest == 0.0:
            break
    return nearest


@compiled
def segment_distance(state, segment):
    """The least distance of the owners of a segment; `NEVER` if it has none, being used by a single turn.

    Needs a rule with `needs_owners`. What one program owns costs one look; what many share, one for each of them.
    """
    return _nearest(state, state.owner, state.owner_first[segment], state.owner_first[segment + 1])


@compiled
def object_distance(state, r):
    """The least distance of the owners of resident record `r`, in HBM or below.

    What a single turn uses is at 0.0 while the program that left it is active, as a turn that was preempted comes back
    to it, and at `NEVER` else. Needs a rule with `needs_owners`.
    """
    record = state.resident[r]
    if state.owner_first[record.segment] < state.owner_first[record.segment + 1]:
        return segment_distance(state, record.segment)
    return 0.0 if record.program != NONE and is_active(state, record.program) else NEVER


@compiled
def adapter_distance(state, adapter):
    """The least distance of the programs that need an adapter. Needs a rule with `needs_owners`."""
    return _nearest(state, state.adapter_owner, state.adapter_first[adapter], state.adapter_first[adapter + 1])


@compiled
def reused_segment(state, t):
    """The deepest segment on the path of turn `t` that is used again: the end of its fixed prompt; NONE for none.

    Needs a rule with `needs_owners`.
    """
    segment = state.turn[t].segment
    while segment != NONE and state.owner_first[segment] == state.owner_first[segment + 1]:
        segment = state.segment[segment].parent
    return segment
