"""What decides what becomes of the KV of a turn that has ended: the gap to expect, the context, the instance."""

from agentsim_env.engine.core.decisions import DROP, LEAVE, PIN, TO_CXL, TO_DRAM
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import CXL, DRAM, NONE
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.engine.programs.history import expected_remaining_s, mean_wait_s, share_within
from agentsim_env.engine.residency.residency import unlocked_on_path
from agentsim_env.engine.retention.retention import ended_turn, left_blocks, left_by
from agentsim_env.engine.tiers.stores import can_store
from agentsim_env.envs.instance_context import INSTANCE_CONTEXT, observe_instance, repeat
from agentsim_env.envs.memory_below import move_s
from agentsim_env.envs.program_context import gap_deviation, gap_row
from agentsim_env.envs.question import question
from agentsim_env.envs.scales import signed, squash

ANSWER_FEATURES: tuple[str, ...] = (
    "allowed",
    "is_leave",
    "is_drop",
    "is_to_dram",
    "is_to_cxl",
    "is_pin",
    "pin_s",
    "pin_above_gap_s",
    "returns_within",
    "move_s",
)
"""Features of an answer."""

GAP_FEATURES: tuple[str, ...] = (
    "gap_is_known",
    "gap_mean_s",
    "gap_ema_s",
    "gap_fast_ema_s",
    "gap_deviation",
    "tools_called",
)
"""What is known of the gap that follows."""

PROGRAM_FEATURES: tuple[str, ...] = (
    "age_s",
    "service_s",
    "remaining_s",
    "turns_done",
    "left_tokens",
    "left_share",
    "own_share",
    "recompute_s",
    "mean_wait_s",
)
"""Features of the turn that has ended and of its program."""

FEATURES: tuple[str, ...] = ANSWER_FEATURES + GAP_FEATURES + PROGRAM_FEATURES + INSTANCE_CONTEXT

N_ANSWER_FEATURES = len(ANSWER_FEATURES)


@compiled
def observe(state, out):
    """Fill `out` [answers, features]: leave, drop, to DRAM, to CXL, and a pin for each time of the grid."""
    world = state.world[0]
    n = PIN + world.n_pin_times
    at = N_ANSWER_FEATURES
    at_instance = at + len(GAP_FEATURES) + len(PROGRAM_FEATURES)
    out[:, :at_instance] = 0.0
    observe_instance(state, world.asked_instance, out[0], at_instance)
    if world.asked_program != NONE:
        _observe_turn(state, ended_turn(state), world.asked_instance, out)
    repeat(out, n, at)
    for answer in range(n):
        out[answer, 0] = state.option[answer]
        out[answer, 1] = answer == LEAVE
        out[answer, 2] = answer == DROP
        out[answer, 3] = answer == TO_DRAM
        out[answer, 4] = answer == TO_CXL
    for k in range(world.n_pin_times):
        out[PIN + k, 5] = 1.0
        out[PIN + k, 6] = squash(state.pin_grid_s[k], 5.0)


@compiled
def _observe_turn(state, t, i, out):
    """What turn `t` has left on instance `i`: what is known of it, in the first row, and of each answer."""
    world = state.world[0]
    at = N_ANSWER_FEATURES
    row = gap_row(state, t)
    _observe_gap(state, t, row, out[0], at)
    _observe_program(state, t, i, out[0], at + len(GAP_FEATURES))
    blocks = left_blocks(state, t)
    out[TO_DRAM, 9] = squash(move_s(state, i, DRAM, blocks), 0.3) if can_store(state, i, DRAM) else 1.0
    out[TO_CXL, 9] = squash(move_s(state, i, CXL, blocks), 0.3) if can_store(state, i, CXL) else 1.0
    for k in range(world.n_pin_times):
        _observe_pin(state, row, state.pin_grid_s[k], out[PIN + k])


@compiled
def _observe_pin(state, row, pin_s, out):
    gap = state.gap[row]
    out[7] = signed(pin_s - gap.ema_s, 2.0) if gap.n > 0 else 0.0
    out[8] = share_within(state, row, pin_s)


@compiled
def _observe_gap(state, t, row, out, at):
    gap = state.gap[row]
    mean_s = gap.sum_s / gap.n if gap.n > 0 else 0.0
    out[at] = gap.n > 0
    out[at + 1] = squash(mean_s, 5.0)
    out[at + 2] = squash(gap.ema_s, 5.0)
    out[at + 3] = squash(gap.fast_ema_s, 5.0)
    out[at + 4] = squash(gap_deviation(state, row), 1.0)
    out[at + 5] = squash(state.turn[t].n_edges, 4.0)


@compiled
def _observe_program(state, t, i, out, at):
    world = state.world[0]
    p = state.turn[t].program
    run = state.program_run[p]
    blocks = max(1, left_blocks(state, t))
    tokens = state.turn[t].prompt_tokens + state.turn[t].output_tokens
    out[at] = squash(world.now_s - run.arrived_s, 60.0)
    out[at + 1] = squash(run.service_s, 30.0)
    out[at + 2] = squash(expected_remaining_s(state, p), 30.0)
    out[at + 3] = squash(t - state.program[p].first_turn + 1, 10.0)
    out[at + 4] = squash(tokens, 30000.0)
    out[at + 5] = min(1.0, blocks / state.pool[i].capacity)
    out[at + 6] = min(1.0, unlocked_on_path(state, left_by(state, t)) / blocks)
    out[at + 7] = squash(prefill_s(state, i, tokens, 0), 0.3)
    out[at + 8] = squash(mean_wait_s(state), 10.0)


RETAIN_KV = question(
    "retain_kv", FEATURES, lambda simulator: PIN + len(simulator.blueprint.pin_grid_s), observe, __file__
)
"""Leave, drop, to DRAM, to CXL, and a pin for each time of the grid."""
