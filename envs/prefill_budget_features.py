"""What decides how an instance with two lanes divides its GPU: how fast it would be, and who waits for which lane."""

from agentsim_env.engine.batch.decodes import generated_tokens
from agentsim_env.engine.batch.forecast import decode_step_s
from agentsim_env.engine.batch.request_class import is_cold
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import DECODE, NONE, TWO_LANES
from agentsim_env.engine.eviction.prefix_lookup import uncached_tokens
from agentsim_env.engine.lanes.tpot import interval_tpot_s, tpot_objective_s
from agentsim_env.engine.latency.lane_shares import beside_prefill, chunk_alone_s, on_share, throughput
from agentsim_env.envs.feature import FeatureTable
from agentsim_env.envs.instance_context import INSTANCE_CONTEXT, observe_instance, repeat
from agentsim_env.envs.question import question
from agentsim_env.envs.scales import squash

FEATURES = FeatureTable()

# Of an answer.
ALLOWED = FEATURES.flag("allowed", "the answer is legal")
SLOT_SHARE = FEATURES.share("slot_share", "share of the SMs for decodes")
PREFILL_SPEED = FEATURES.share("prefill_speed", "throughput of prefills on the rest over that on all SMs")
BUDGET_TOKENS = FEATURES.amount("budget_tokens", "longest resume prefill that joins them", 128.0)
IS_SLOT = FEATURES.flag("is_slot", "it is the slot that decodes have now")
IS_BUDGET = FEATURES.flag("is_budget", "it is the budget now")
STEP_RATIO = FEATURES.amount("step_ratio", "time of a decode step on that share, over its objective", 1.0)
LANE_TTFT_RATIO = FEATURES.amount(
    "lane_ttft_ratio", "TTFT of the turn in the prefill lane on that rest, over its objective", 1.0
)
JOINING = FEATURES.amount("joining", "waiting resume prefills within that budget", 4.0)
JOINING_TOKENS = FEATURES.amount("joining_tokens", "tokens that these need", 256.0)

# Of the lanes, the same in each row.
LANES_AT = len(FEATURES)
TPOT_RATIO = FEATURES.amount("tpot_ratio", "decode time over steps since the last question, over its objective", 1.0)
DECODES = FEATURES.amount("decodes", "turns that decode", 8.0)
MEAN_TPOT_RATIO = FEATURES.amount("mean_tpot_ratio", "mean of their TPOT so far, over its objective", 1.0)
WORST_TPOT_RATIO = FEATURES.amount("worst_tpot_ratio", "the largest of these", 1.0)
LATE_SHARE = FEATURES.share("late_share", "share of them whose TPOT so far is beyond its objective")
MEAN_CONTEXT_TOKENS = FEATURES.amount("mean_context_tokens", "their mean context", 4000.0)
PREFILLS = FEATURES.flag("prefills", "the prefill lane works")
PREFILLING_TOKENS = FEATURES.amount("prefilling_tokens", "tokens that its turn still needs", 2000.0)
COLD = FEATURES.amount("cold", "turns with a cold prefill that wait", 4.0)
COLD_TOKENS = FEATURES.amount("cold_tokens", "tokens that these need", 4000.0)
COLD_WAIT_S = FEATURES.amount("cold_wait_s", "time since the first of them became ready", 1.0, "s")
RESUMING = FEATURES.amount("resuming", "turns with a resume prefill that wait", 4.0)
RESUME_TOKENS = FEATURES.amount("resume_tokens", "tokens that these need", 256.0)
RESUME_WAIT_S = FEATURES.amount("resume_wait_s", "time since the first of them became ready", 1.0, "s")
NOW_TOKENS = FEATURES.amount("now_tokens", "the budget now", 128.0)
CHANGED_S = FEATURES.amount("changed_s", "time since slot or budget changed", 1.0, "s")

INSTANCE_AT = FEATURES.extend(INSTANCE_CONTEXT)

SCALE = FEATURES.scales

SLO_FACTOR = 2.0
"""Objective where the scenario has none, over the step of a turn that decodes alone; that of `tpot_feedback`."""


@compiled
def observe(state, out):
    """Fill `out` [slots x budgets, features]: for each slot of decodes, each budget of the grid.

    An instance with fewer slots than another leaves the last rows empty.
    """
    i, n = state.world[0].asked_instance, len(out)
    out[:, :] = 0.0
    if i == NONE or state.instance[i].mode != TWO_LANES:
        return
    objective_s = tpot_objective_s(state, i, SLO_FACTOR)
    n_rows = min(n, (state.lanes[i].slots - 1) * len(state.budget_grid_tokens))
    for k in range(n_rows):
        out[k, ALLOWED] = state.option[k]
    _observe_slots(state, i, objective_s, out[:n_rows])
    _observe_budgets(state, i, out[:n_rows])
    _observe_decodes(state, i, objective_s, out[0])
    _observe_waiting(state, i, out[0])
    _observe_lanes(state, i, out[0])
    observe_instance(state, i, out[0, INSTANCE_AT:])
    repeat(out, n, LANES_AT)


@compiled
def _observe_slots(state, i, objective_s, rows):
    """What the slot of each row is worth."""
    world, lanes, instance = state.world[0], state.lanes[i], state.instance[i]
    budgets = len(state.budget_grid_tokens)
    step_s = decode_step_s(state, i, instance.n_decode, instance.kv_tokens)
    alone_s = _lane_alone_s(state, i)
    for slot in range(1, lanes.slots):
        rest = (lanes.slots - slot) / lanes.slots
        speed = throughput(state, rest)
        slower = on_share(lanes, slot / lanes.slots)
        ttft_ratio = 0.0
        if lanes.prefilling != NONE:
            slower *= beside_prefill(state, i, rest)
            ready_s = state.turn_run[state.slot[lanes.prefilling].turn].ready_s
            ttft_ratio = (world.now_s - ready_s + alone_s / speed) / world.slo_ttft_s
        for row in rows[(slot - 1) * budgets : slot * budgets]:
            row[SLOT_SHARE] = slot / lanes.slots
            row[PREFILL_SPEED] = speed
            row[IS_SLOT] = slot == lanes.decode_slot
            row[STEP_RATIO] = squash(step_s * slower / objective_s, SCALE[STEP_RATIO])
            row[LANE_TTFT_RATIO] = squash(ttft_ratio, SCALE[LANE_TTFT_RATIO])


@compiled
def _lane_alone_s(state, i):
    """Time that the turn in the prefill lane still needs on all SMs; 0 if there is none."""
    lanes, now_s = state.lanes[i], state.world[0].now_s
    if lanes.prefilling == NONE:
        return 0.0
    slot = state.slot[lanes.prefilling]
    left_s = max(0.0, lanes.left_s - max(0.0, now_s - lanes.since_s) * lanes.speed)
    computed = slot.computed
    while computed < slot.target:
        chunk = min(slot.target - computed, state.instance[i].max_num_batched_tokens)
        left_s += chunk_alone_s(state, i, chunk, computed)
        computed += chunk
    return left_s


@compiled
def _observe_budgets(state, i, rows):
    """Who would join the decodes by the budget of each row; resume prefills wait, cold ones never join."""
    grid = state.budget_grid_tokens
    for b in range(len(grid)):
        joining, tokens = 0, 0
        s = state.instance[i].waiting_head
        while s != NONE:
            uncached = uncached_tokens(state, i, s)
            if uncached <= grid[b] and not is_cold(state, s, uncached):
                joining += 1
                tokens += uncached
            s = state.slot[s].next
        for k in range(b, len(rows), len(grid)):
            rows[k, BUDGET_TOKENS] = squash(grid[b], SCALE[BUDGET_TOKENS])
            rows[k, IS_BUDGET] = grid[b] == state.lanes[i].budget_tokens
            rows[k, JOINING] = squash(joining, SCALE[JOINING])
            rows[k, JOINING_TOKENS] = squash(tokens, SCALE[JOINING_TOKENS])


@compiled
def _observe_decodes(state, i, objective_s, row):
    """How the decodes stand to their objective, since the last question and turn by turn."""
    instance, now_s = state.instance[i], state.world[0].now_s
    decodes, late, total, worst = 0, 0, 0.0, 0.0
    s = instance.running_head
    while s != NONE:
        slot = state.slot[s]
        if slot.state == DECODE:
            first_s = state.turn_run[slot.turn].first_token_s
            ratio = (now_s - first_s) / max(1, generated_tokens(state, i, s) - 1) / objective_s
            decodes += 1
            late += ratio > 1.0
            total += ratio
            worst = max(worst, ratio)
        s = slot.next
    row[TPOT_RATIO] = squash(interval_tpot_s(state, i) / objective_s, SCALE[TPOT_RATIO])
    row[DECODES] = squash(decodes, SCALE[DECODES])
    row[MEAN_TPOT_RATIO] = squash(total / max(1, decodes), SCALE[MEAN_TPOT_RATIO])
    row[WORST_TPOT_RATIO] = squash(worst, SCALE[WORST_TPOT_RATIO])
    row[LATE_SHARE] = late / max(1, decodes)
    row[MEAN_CONTEXT_TOKENS] = squash(instance.kv_tokens / max(1, decodes), SCALE[MEAN_CONTEXT_TOKENS])


@compiled
def _observe_waiting(state, i, row):
    """Cold and resume prefills in the queue of the instance, and how long the first of each has waited."""
    colds = resumes = cold_tokens = resume_tokens = 0
    cold_wait_s = resume_wait_s = 0.0
    s = state.instance[i].waiting_head
    while s != NONE:
        slot = state.slot[s]
        uncached = uncached_tokens(state, i, s)
        wait_s = state.world[0].now_s - state.turn_run[slot.turn].ready_s
        if is_cold(state, s, uncached):
            colds += 1
            cold_tokens += uncached
            cold_wait_s = max(cold_wait_s, wait_s)
        else:
            resumes += 1
            resume_tokens += uncached
            resume_wait_s = max(resume_wait_s, wait_s)
        s = slot.next
    row[RESUMING] = squash(resumes, SCALE[RESUMING])
    row[RESUME_TOKENS] = squash(resume_tokens, SCALE[RESUME_TOKENS])
    row[RESUME_WAIT_S] = squash(resume_wait_s, SCALE[RESUME_WAIT_S])
    row[COLD] = squash(colds, SCALE[COLD])
    row[COLD_TOKENS] = squash(cold_tokens, SCALE[COLD_TOKENS])
    row[COLD_WAIT_S] = squash(cold_wait_s, SCALE[COLD_WAIT_S])


@compiled
def _observe_lanes(state, i, row):
    lanes = state.lanes[i]
    row[NOW_TOKENS] = squash(lanes.budget_tokens, SCALE[NOW_TOKENS])
    row[CHANGED_S] = squash(state.world[0].now_s - lanes.changed_s, SCALE[CHANGED_S])
    if lanes.prefilling != NONE:
        slot = state.slot[lanes.prefilling]
        row[PREFILLS] = 1.0
        row[PREFILLING_TOKENS] = squash(slot.target - slot.computed + slot.chunk, SCALE[PREFILLING_TOKENS])


SET_PREFILL_BUDGET = question("set_prefill_budget", FEATURES, observe, __file__)
"""One answer per slot of decodes and budget of the grid."""
