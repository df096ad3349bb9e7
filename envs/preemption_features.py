"""What decides which running turn goes back to the queue when blocks are short."""

from agentsim_env.engine.batch.decodes import generated_tokens
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import DECODE
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.envs.feature import FeatureTable
from agentsim_env.envs.instance_context import INSTANCE_CONTEXT, observe_instance, repeat
from agentsim_env.envs.question import question
from agentsim_env.envs.scales import squash

FEATURES = FeatureTable()

# Of a running turn.
ALLOWED = FEATURES.flag("allowed", "the answer is legal")
IS_TURN = FEATURES.flag("is_turn", "the row is a turn")
PLACE = FEATURES.share("place", "its place over K, the last admitted being 0")
IS_DECODING = FEATURES.flag("is_decoding", "its prefill has ended")
AGE_S = FEATURES.amount("age_s", "time since the program arrived", 60.0, "s")
SERVICE_S = FEATURES.amount("service_s", "execution time of the program's turns so far", 30.0, "s")
BATCH_S = FEATURES.amount("batch_s", "time since it was first in a batch", 10.0, "s")
TURNS_DONE = FEATURES.amount("turns_done", "number of the turn in its program", 10.0)
TOKENS_SO_FAR = FEATURES.amount("tokens_so_far", "prompt and output so far", 30000.0)
GENERATED_TOKENS = FEATURES.amount("generated_tokens", "output so far", 300.0)
CONTEXT_SHARE = FEATURES.share("context_share", "tokens_so_far over what the instance can hold")
RECOMPUTE_S = FEATURES.amount("recompute_s", "time to compute all of it again", 0.3, "s")

INSTANCE_AT = FEATURES.extend(INSTANCE_CONTEXT)

SCALE = FEATURES.scales


@compiled
def observe(state, out):
    """Fill `out` [K, features]: the candidates, the last admitted first, and empty rows."""
    world = state.world[0]
    i = world.asked_instance
    k_most = len(state.candidate)
    out[:, :INSTANCE_AT] = 0.0
    for k in range(world.n_candidates):
        _observe_turn(state, i, state.candidate[k], out[k])
        out[k, ALLOWED] = state.option[k]
        out[k, PLACE] = k / k_most
    observe_instance(state, i, out[0, INSTANCE_AT:])
    repeat(out, k_most, INSTANCE_AT)


@compiled
def _observe_turn(state, i, s, row):
    world = state.world[0]
    slot = state.slot[s]
    run = state.program_run[slot.program]
    generated = generated_tokens(state, i, s)
    context = state.turn[slot.turn].prompt_tokens + generated
    capacity = state.pool[i].capacity * world.block_size
    row[IS_TURN] = 1.0
    row[IS_DECODING] = slot.state == DECODE
    row[AGE_S] = squash(world.now_s - run.arrived_s, SCALE[AGE_S])
    row[SERVICE_S] = squash(run.service_s, SCALE[SERVICE_S])
    row[BATCH_S] = squash(world.now_s - state.turn_run[slot.turn].scheduled_s, SCALE[BATCH_S])
    row[TURNS_DONE] = squash(slot.turn - state.program[slot.program].first_turn, SCALE[TURNS_DONE])
    row[TOKENS_SO_FAR] = squash(context, SCALE[TOKENS_SO_FAR])
    row[GENERATED_TOKENS] = squash(generated, SCALE[GENERATED_TOKENS])
    row[CONTEXT_SHARE] = min(1.0, context / capacity)
    row[RECOMPUTE_S] = squash(prefill_s(state, i, context, 0), SCALE[RECOMPUTE_S])


PREEMPT_TURN = question("preempt_turn", FEATURES, observe, __file__)
"""One answer per candidate."""
