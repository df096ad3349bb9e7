"""To which program a record belongs, and what is known of what that program will do."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import ACTIVE, NONE


@compiled
def is_shared(state, r):
    """Whether several programs have used a record (a system prompt): no single one decides about its next use."""
    return state.resident[r].program == NONE or state.resident[r].shared != 0


@compiled
def goes_on(state, p):
    """Probability that a program has another turn.

    0 after its end, 1 while one is in the cluster, else the share of all turns so far that were not the last of their
    program.
    """
    run = state.program_run[p]
    if run.state != ACTIVE:
        return 0.0
    world = state.world[0]
    if run.live > 0 or world.turns_ended == 0:
        return 1.0
    return (world.turns_ended - world.n_done) / world.turns_ended


@compiled
def idle_s(state, r):
    """Time since nobody locks or pins a record."""
    return state.world[0].now_s - state.resident[r].released_s
