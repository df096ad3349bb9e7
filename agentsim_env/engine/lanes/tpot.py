"""Time per output token of the decode lane of an instance: in the interval since its last tick, and in isolation."""

import math

from agentsim_env.engine.batch.forecast import decode_step_s
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.latency.iteration_time import iterations_begun, run_end_s

ISOLATED_TOKENS = 3000.0
"""Context of a turn that decodes alone: a cold prompt of AgentServe, 2,500 to 3,500 tokens (Table I)."""


@compiled
def _decoded(state, i):
    """Time of the decode lane in iterations that have ended, and their number; the instance is synchronised."""
    instance = state.instance[i]
    if not instance.running:
        return instance.busy_s, instance.iteration
    ended = iterations_begun(state, i, state.world[0].now_s) - 1
    return instance.busy_s + (run_end_s(state, i, ended) - instance.run_base_s), instance.iteration - 1


@compiled
def interval_tpot_s(state, i):
    """Decode time over steps since the instance was last asked about; 0 if there was no step."""
    lanes = state.lanes[i]
    busy_s, steps = _decoded(state, i)
    if steps == lanes.tick_steps:
        return 0.0
    return (busy_s - lanes.tick_busy_s) / (steps - lanes.tick_steps)


@compiled
def begin_interval(state, i):
    """The instance has been asked about."""
    lanes = state.lanes[i]
    lanes.tick_busy_s, lanes.tick_steps = _decoded(state, i)


@compiled
def tpot_objective_s(state, i, slo_factor):
    """The scenario's objective, or else so many times the step of a turn that decodes alone on the whole GPU."""
    if math.isinf(state.world[0].slo_tpot_s):
        return slo_factor * decode_step_s(state, i, 1, ISOLATED_TOKENS)
    return state.world[0].slo_tpot_s
