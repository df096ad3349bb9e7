"""What decides which running turn goes back to the queue when blocks are short."""

from agentsim_env.engine.batch.decodes import generated_tokens
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import DECODE
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.envs.instance_context import INSTANCE_CONTEXT, observe_instance, repeat
from agentsim_env.envs.question import question
from agentsim_env.envs.scales import squash

TURN_FEATURES: tuple[str, ...] = (
    "allowed",
    "is_turn",
    "place",
    "is_decoding",
    "age_s",
    "service_s",
    "batch_s",
    "turns_done",
    "tokens_so_far",
    "generated_tokens",
    "context_share",
    "recompute_s",
)
"""Features of a running turn."""

FEATURES: tuple[str, ...] = TURN_FEATURES + INSTANCE_CONTEXT

N_TURN_FEATURES = len(TURN_FEATURES)


@compiled
def observe(state, out):
    """Fill `out` [K, features]: the candidates, the last admitted first, and empty rows."""
    world = state.world[0]
    i = world.asked_instance
    k_most = len(state.candidate)
    out[:, :N_TURN_FEATURES] = 0.0
    for k in range(world.n_candidates):
        _observe_turn(state, i, state.candidate[k], out[k])
        out[k, 0] = state.option[k]
        out[k, 2] = k / k_most
    observe_instance(state, i, out[0], N_TURN_FEATURES)
    repeat(out, k_most, N_TURN_FEATURES)


@compiled
def _observe_turn(state, i, s, row):
    world = state.world[0]
    slot = state.slot[s]
    run = state.program_run[slot.program]
    generated = generated_tokens(state, i, s)
    context = state.turn[slot.turn].prompt_tokens + generated
    capacity = state.pool[i].capacity * world.block_size
    row[1] = 1.0
    row[3] = slot.state == DECODE
    row[4] = squash(world.now_s - run.arrived_s, 60.0)
    row[5] = squash(run.service_s, 30.0)
    row[6] = squash(world.now_s - state.turn_run[slot.turn].scheduled_s, 10.0)
    row[7] = squash(slot.turn - state.program[slot.program].first_turn, 10.0)
    row[8] = squash(context, 30000.0)
    row[9] = squash(generated, 300.0)
    row[10] = min(1.0, context / capacity)
    row[11] = squash(prefill_s(state, i, context, 0), 0.3)


PREEMPT_TURN = question("preempt_turn", FEATURES, lambda simulator: simulator.blueprint.candidates, observe, __file__)
"""One answer a candidate."""
