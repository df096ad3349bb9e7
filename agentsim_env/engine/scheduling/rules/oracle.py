"""Scheduling with knowledge of the future: what perfect predictions of lengths would bring."""

from agentsim_env.engine.core.times import has_happened
from agentsim_env.engine.scheduling.rules.lowest import lowest


@lowest
def oracle_srpt(state, i, s):
    """The fewest tokens left in the program: new input plus output over its turns that have not ended.

    Shortest remaining processing time of the program (AgentServeSim's `oracle-srpt`).
    """
    program = state.program[state.slot[s].program]
    tokens = 0
    for t in range(program.first_turn, program.first_turn + program.n_turns):
        if not has_happened(state.turn_run[t].end_s):
            tokens += state.turn[t].new_tokens + state.turn[t].output_tokens
    return tokens
