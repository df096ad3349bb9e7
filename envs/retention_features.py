"""What decides what becomes of the KV of a turn that has ended: the gap to expect, the context, the instance."""

from agentsim_env.engine.core.decisions import DROP, LEAVE, PIN, TO_CXL, TO_DRAM
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import CXL, DRAM, NONE
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.engine.programs.history import expected_remaining_s, mean_wait_s, share_within
from agentsim_env.engine.residency.residency import unlocked_on_path
from agentsim_env.engine.retention.retention import ended_turn, left_blocks, left_by
from agentsim_env.engine.tiers.stores import can_store
from agentsim_env.envs.feature import FeatureTable
from agentsim_env.envs.instance_context import INSTANCE_CONTEXT, observe_instance, repeat
from agentsim_env.envs.memory_below import move_s
from agentsim_env.envs.program_context import gap_deviation, gap_row
from agentsim_env.envs.question import question
from agentsim_env.envs.scales import signed, squash

FEATURES = FeatureTable()

# Of an answer.
ALLOWED = FEATURES.flag("allowed", "the answer is legal")
IS_LEAVE = FEATURES.flag("is_leave", "the row's answer is to leave it")
IS_DROP = FEATURES.flag("is_drop", "to drop it")
IS_TO_DRAM = FEATURES.flag("is_to_dram", "to move it to DRAM")
IS_TO_CXL = FEATURES.flag("is_to_cxl", "to move it to CXL")
IS_PIN = FEATURES.flag("is_pin", "to pin it")
PIN_S = FEATURES.amount("pin_s", "for so long", 5.0, "s")
PIN_ABOVE_GAP_S = FEATURES.difference("pin_above_gap_s", "that above the moving average of the tool's gaps", 2.0, "s")
RETURNS_WITHIN = FEATURES.share("returns_within", "share of the tool's last 100 gaps that were shorter than the pin")
MOVE_S = FEATURES.amount("move_s", "time to bring it up again from the tier; 1 without one", 0.3, "s")

# Of the gap that follows, the same in each row.
GAP_AT = len(FEATURES)
GAP_IS_KNOWN = FEATURES.flag("gap_is_known", "a gap has ended, of this tool or else of any")
GAP_MEAN_S = FEATURES.amount("gap_mean_s", "mean gap of the tool, of all tools if it is new", 5.0, "s")
GAP_EMA_S = FEATURES.amount("gap_ema_s", "its moving average with weight 0.2", 5.0, "s")
GAP_FAST_EMA_S = FEATURES.amount("gap_fast_ema_s", "with weight 0.5", 5.0, "s")
GAP_DEVIATION = FEATURES.amount("gap_deviation", "deviation of the logarithms of its gaps", 1.0)
TOOLS_CALLED = FEATURES.amount("tools_called", "tool calls of the turn", 4.0)

# Of the turn that has ended and of its program, likewise.
AGE_S = FEATURES.amount("age_s", "time since the program arrived", 60.0, "s")
SERVICE_S = FEATURES.amount("service_s", "execution time of the program's turns so far", 30.0, "s")
REMAINING_S = FEATURES.amount(
    "remaining_s", "service to expect of the program, by the means of those that are done", 30.0, "s"
)
TURNS_DONE = FEATURES.amount("turns_done", "turns of the program that have ended", 10.0)
LEFT_TOKENS = FEATURES.amount("left_tokens", "context that the turn has left", 30000.0)
LEFT_SHARE = FEATURES.share("left_share", "its blocks over the memory of the instance")
OWN_SHARE = FEATURES.share("own_share", "share of it that no running turn holds")
RECOMPUTE_S = FEATURES.amount("recompute_s", "time to compute all of it again", 0.3, "s")
MEAN_WAIT_S = FEATURES.amount("mean_wait_s", "mean wait of all turns so far", 10.0, "s")

INSTANCE_AT = FEATURES.extend(INSTANCE_CONTEXT)

SCALE = FEATURES.scales


@compiled
def observe(state, out):
    """Fill `out` [answers, features]: leave, drop, to DRAM, to CXL, and a pin for each time of the grid."""
    world = state.world[0]
    n = PIN + world.n_pin_times
    out[:, :INSTANCE_AT] = 0.0
    observe_instance(state, world.asked_instance, out[0, INSTANCE_AT:])
    if world.asked_program != NONE:
        _observe_turn(state, ended_turn(state), world.asked_instance, out)
    repeat(out, n, GAP_AT)
    for answer in range(n):
        out[answer, ALLOWED] = state.option[answer]
        out[answer, IS_LEAVE] = answer == LEAVE
        out[answer, IS_DROP] = answer == DROP
        out[answer, IS_TO_DRAM] = answer == TO_DRAM
        out[answer, IS_TO_CXL] = answer == TO_CXL
    for k in range(world.n_pin_times):
        out[PIN + k, IS_PIN] = 1.0
        out[PIN + k, PIN_S] = squash(state.pin_grid_s[k], SCALE[PIN_S])


@compiled
def _observe_turn(state, t, i, out):
    """What turn `t` has left on instance `i`: what is known of it, in the first row, and of each answer."""
    world = state.world[0]
    row = gap_row(state, t)
    _observe_gap(state, t, row, out[0])
    _observe_program(state, t, i, out[0])
    blocks = left_blocks(state, t)
    out[TO_DRAM, MOVE_S] = squash(move_s(state, i, DRAM, blocks), SCALE[MOVE_S]) if can_store(state, i, DRAM) else 1.0
    out[TO_CXL, MOVE_S] = squash(move_s(state, i, CXL, blocks), SCALE[MOVE_S]) if can_store(state, i, CXL) else 1.0
    for k in range(world.n_pin_times):
        _observe_pin(state, row, state.pin_grid_s[k], out[PIN + k])


@compiled
def _observe_pin(state, row, pin_s, out):
    gap = state.gap[row]
    out[PIN_ABOVE_GAP_S] = signed(pin_s - gap.ema_s, SCALE[PIN_ABOVE_GAP_S]) if gap.n > 0 else 0.0
    out[RETURNS_WITHIN] = share_within(state, row, pin_s)


@compiled
def _observe_gap(state, t, row, out):
    gap = state.gap[row]
    mean_s = gap.sum_s / gap.n if gap.n > 0 else 0.0
    out[GAP_IS_KNOWN] = gap.n > 0
    out[GAP_MEAN_S] = squash(mean_s, SCALE[GAP_MEAN_S])
    out[GAP_EMA_S] = squash(gap.ema_s, SCALE[GAP_EMA_S])
    out[GAP_FAST_EMA_S] = squash(gap.fast_ema_s, SCALE[GAP_FAST_EMA_S])
    out[GAP_DEVIATION] = squash(gap_deviation(state, row), SCALE[GAP_DEVIATION])
    out[TOOLS_CALLED] = squash(state.turn[t].n_edges, SCALE[TOOLS_CALLED])


@compiled
def _observe_program(state, t, i, out):
    world = state.world[0]
    p = state.turn[t].program
    run = state.program_run[p]
    blocks = max(1, left_blocks(state, t))
    tokens = state.turn[t].prompt_tokens + state.turn[t].output_tokens
    out[AGE_S] = squash(world.now_s - run.arrived_s, SCALE[AGE_S])
    out[SERVICE_S] = squash(run.service_s, SCALE[SERVICE_S])
    out[REMAINING_S] = squash(expected_remaining_s(state, p), SCALE[REMAINING_S])
    out[TURNS_DONE] = squash(t - state.program[p].first_turn + 1, SCALE[TURNS_DONE])
    out[LEFT_TOKENS] = squash(tokens, SCALE[LEFT_TOKENS])
    out[LEFT_SHARE] = min(1.0, blocks / state.pool[i].capacity)
    out[OWN_SHARE] = min(1.0, unlocked_on_path(state, left_by(state, t)) / blocks)
    out[RECOMPUTE_S] = squash(prefill_s(state, i, tokens, 0), SCALE[RECOMPUTE_S])
    out[MEAN_WAIT_S] = squash(mean_wait_s(state), SCALE[MEAN_WAIT_S])


RETAIN_KV = question("retain_kv", FEATURES, observe, __file__)
"""Leave, drop, to DRAM, to CXL, and a pin for each time of the grid."""
