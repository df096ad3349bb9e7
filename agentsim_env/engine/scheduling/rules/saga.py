"""Agent Fair Share between tenants (SAGA, HPDC'26)."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.lists import first_ready, next_ready
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.programs.history import expected_remaining_s


@compiled
def _add_urgencies(state, s, least_slack_s, most_slack_s):
    """Add each turn of a list that begins with `s` to the urgency of its tenant."""
    now_s = state.world[0].now_s
    while s != NONE:
        p = state.slot[s].program
        slack_s = min(state.program[p].deadline_s - now_s, most_slack_s)
        slack_s = max(slack_s, least_slack_s)
        state.tenant[state.program[p].tenant].urgency += expected_remaining_s(state, p) / slack_s
        s = state.slot[s].next


@compiled
def saga_fair(state, i, least_slack_s=1.0, most_slack_s=600.0):
    """A turn of the tenant whose service is smallest for its share; within a tenant the earliest deadline.

    The share of a tenant is proportional to the sum, over its turns that wait or run on the instance, of (service that
    the program still needs) / max(least_slack_s, deadline - now). A program without a deadline counts with a slack of
    `most_slack_s`. SAGA takes what is still needed from its execution graph; here it is the mean service of the
    programs that are done minus what this one has had, but at least that of a mean turn.
    """
    for k in range(len(state.tenant)):
        state.tenant[k].urgency = 0.0
    _add_urgencies(state, state.instance[i].waiting_head, least_slack_s, most_slack_s)
    _add_urgencies(state, state.instance[i].running_head, least_slack_s, most_slack_s)
    best, least_s, earliest_s = NONE, 0.0, 0.0
    s = first_ready(state, i)
    while s != NONE:
        program = state.program[state.slot[s].program]
        tenant = state.tenant[program.tenant]
        normal_s = tenant.service_s / tenant.urgency
        if best == NONE or normal_s < least_s or (normal_s == least_s and program.deadline_s < earliest_s):
            best, least_s, earliest_s = s, normal_s, program.deadline_s
        s = next_ready(state, s)
    return best
