"""Least attained service of programs (Autellix, NSDI'26, section 4)."""

from agentsim_env.engine.scheduling.rules.lowest import lowest


@lowest
def plas(state, i, s):
    """PLAS: the least service of the program's ended turns, p(c_j) = sum over k < j of t_k.

    Service of a turn is the time from its first scheduling to its end.
    """
    return state.program_run[state.slot[s].program].service_s


@lowest
def atlas(state, i, s):
    """ATLAS, for DAGs: the shortest critical path so far, p(c_j) = max over parents k of p(c_k) + t_k."""
    return state.path_s[state.slot[s].turn]


@lowest
def autellix_mlfq(state, i, s, queues=4.0, first_quantum_s=1.0, quantum_growth=2.0, starvation_ratio=5.0):
    """PLAS in `queues` queues with quanta q, q g, q g^2 ...: a program moves down when it has used up its quanta.

    It is back in the first queue while its wait is `starvation_ratio` times its service (anti-starvation, W / T >=
    beta). Within a queue turns keep their order. The paper's numbers of queues, quanta and beta are not known; four
    queues, a first quantum of 1 and a growth of 2 are those of a port to vLLM, its unit and beta are assumed. Running
    turns are not taken out of the batch when their quantum ends.
    """
    slot = state.slot[s]
    run = state.program_run[slot.program]
    waited_s = run.wait_s + state.world[0].now_s - state.turn_run[slot.turn].ready_s
    if waited_s >= starvation_ratio * run.service_s:
        return 0
    quantum_s = first_quantum_s
    spent_s = quantum_s
    level = 0
    while level < queues - 1 and run.service_s >= spent_s:
        quantum_s *= quantum_growth
        spent_s += quantum_s
        level += 1
    return level
