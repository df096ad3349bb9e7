"""What decides how an instance with two lanes divides its GPU: how fast it decodes, and what waits for which lane."""

from agentsim_env.engine.batch.request_class import merges
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.prefix_lookup import uncached_tokens
from agentsim_env.engine.lanes.tpot import interval_tpot_s, tpot_objective_s
from agentsim_env.envs.feature import FeatureTable
from agentsim_env.envs.instance_context import INSTANCE_CONTEXT, observe_instance, repeat
from agentsim_env.envs.question import question
from agentsim_env.envs.scales import squash

FEATURES = FeatureTable()

# Of an answer.
ALLOWED = FEATURES.flag("allowed", "the answer is legal")
SLOT_SHARE = FEATURES.share("slot_share", "share of the SMs for decodes")
BUDGET_TOKENS = FEATURES.amount("budget_tokens", "longest resume prefill that joins them", 128.0)
IS_SLOT = FEATURES.flag("is_slot", "it is the slot that decodes have now")

# Of the lanes, the same in each row.
LANES_AT = len(FEATURES)
TPOT_RATIO = FEATURES.amount("tpot_ratio", "decode time over steps since the last question, over its objective", 1.0)
DECODES = FEATURES.amount("decodes", "turns that decode", 8.0)
PREFILLS = FEATURES.flag("prefills", "the prefill lane works")
LEFT_TOKENS = FEATURES.amount("left_tokens", "tokens that its turn still needs", 2000.0)
NOW_TOKENS = FEATURES.amount("now_tokens", "the budget now", 128.0)
FOR_DECODES = FEATURES.amount("for_decodes", "turns that wait to join the decodes", 4.0)
FOR_PREFILLS = FEATURES.amount("for_prefills", "turns that wait for the prefill lane", 4.0)
WAITING_TOKENS = FEATURES.amount("waiting_tokens", "tokens that these need", 4000.0)

INSTANCE_AT = FEATURES.extend(INSTANCE_CONTEXT)

SCALE = FEATURES.scales

SLO_FACTOR = 2.0
"""Objective where the scenario has none, over the step of a turn that decodes alone; that of `tpot_feedback`."""


@compiled
def observe(state, out):
    """Fill `out` [slots x budgets, features]: for each slot of decodes, each budget of the grid."""
    i = state.world[0].asked_instance
    grid, n = state.budget_grid_tokens, len(out)
    out[:, :] = 0.0
    if i == NONE:
        return
    lanes = state.lanes[i]
    for k in range(n):
        slot = k // len(grid) + 1
        out[k, ALLOWED] = state.option[k]
        out[k, SLOT_SHARE] = slot / lanes.slots
        out[k, BUDGET_TOKENS] = squash(grid[k % len(grid)], SCALE[BUDGET_TOKENS])
        out[k, IS_SLOT] = slot == lanes.decode_slot
    _observe_lanes(state, i, out[0])
    observe_instance(state, i, out[0, INSTANCE_AT:])
    repeat(out, n, LANES_AT)


@compiled
def _observe_lanes(state, i, row):
    lanes, instance = state.lanes[i], state.instance[i]
    merging, others, tokens = 0, 0, 0
    s = instance.waiting_head
    while s != NONE:
        if merges(state, i, s):
            merging += 1
        else:
            others += 1
            tokens += uncached_tokens(state, i, s)
        s = state.slot[s].next
    row[TPOT_RATIO] = squash(interval_tpot_s(state, i) / tpot_objective_s(state, i, SLO_FACTOR), SCALE[TPOT_RATIO])
    row[DECODES] = squash(instance.n_decode, SCALE[DECODES])
    row[NOW_TOKENS] = squash(lanes.budget_tokens, SCALE[NOW_TOKENS])
    row[FOR_DECODES] = squash(merging, SCALE[FOR_DECODES])
    row[FOR_PREFILLS] = squash(others, SCALE[FOR_PREFILLS])
    row[WAITING_TOKENS] = squash(tokens, SCALE[WAITING_TOKENS])
    if lanes.prefilling != NONE:
        slot = state.slot[lanes.prefilling]
        row[PREFILLS] = 1.0
        row[LEFT_TOKENS] = squash(slot.target - slot.computed + slot.chunk, SCALE[LEFT_TOKENS])


SET_PREFILL_BUDGET = question("set_prefill_budget", FEATURES, observe, __file__)
"""One answer per slot of decodes and budget of the grid."""
