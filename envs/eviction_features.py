"""What decides which idle KV goes when blocks are needed: whose it is, when that returns, what a loss would cost."""

from agentsim_env.engine.core.decisions import DOWN_TO_CXL, DOWN_TO_DRAM, DROP_KV, TARGETS
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import ACTIVE, NONE
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.engine.programs.history import expected_remaining_s
from agentsim_env.envs.instance_context import INSTANCE_CONTEXT, observe_instance, repeat
from agentsim_env.envs.memory_below import blocks_below
from agentsim_env.envs.program_context import expected_return_s
from agentsim_env.envs.question import question
from agentsim_env.envs.scales import signed, squash

RECORD_FEATURES: tuple[str, ...] = (
    "allowed",
    "is_drop",
    "is_to_dram",
    "is_to_cxl",
    "is_record",
    "place",
    "idle_s",
    "uses",
    "held_share",
    "depth_tokens",
    "prefill_s",
    "below_share",
    "owner_goes_on",
    "owner_acts",
    "owner_waits",
    "owner_is_elsewhere",
    "acting_s",
    "return_s",
    "remaining_s",
    "turns_done",
    "idle_rank",
    "return_rank",
    "prefill_rank",
)
"""Features of an idle record and of the program that used it last, for one place that it could go to."""

FEATURES: tuple[str, ...] = RECORD_FEATURES + INSTANCE_CONTEXT

N_RECORD_FEATURES = len(RECORD_FEATURES)

IDLE, RETURN, PREFILL = 20, 21, 22


@compiled
def observe(state, out):
    """Fill `out` [3 K, features]: for each candidate, the one released longest ago first, drop, to DRAM, to CXL."""
    world = state.world[0]
    i = world.asked_instance
    n_most = TARGETS * len(state.candidate)
    out[:, :N_RECORD_FEATURES] = 0.0
    longest_s, latest_s, least_s = 0.0, -1e30, 1e30
    for k in range(world.n_candidates):
        row = out[TARGETS * k]
        _observe_record(state, i, state.candidate[k], row)
        row[5] = k / len(state.candidate)
        longest_s = max(longest_s, row[IDLE])
        latest_s = max(latest_s, row[RETURN])
        least_s = min(least_s, row[PREFILL])
    for k in range(world.n_candidates):
        first = out[TARGETS * k]
        first[IDLE] = squash(longest_s - first[IDLE], 10.0)
        first[RETURN] = squash(latest_s - first[RETURN], 10.0)
        first[PREFILL] = squash(first[PREFILL] - least_s, 0.3)
        for target in range(TARGETS):
            row = out[TARGETS * k + target]
            row[4:N_RECORD_FEATURES] = first[4:N_RECORD_FEATURES]
            row[0] = state.option[TARGETS * k + target]
            row[1] = target == DROP_KV
            row[2] = target == DOWN_TO_DRAM
            row[3] = target == DOWN_TO_CXL
    observe_instance(state, i, out[0], N_RECORD_FEATURES)
    repeat(out, n_most, N_RECORD_FEATURES)


@compiled
def _observe_record(state, i, r, row):
    """A record, what it costs to have again, and its owner; ranks hold what they are ranks of."""
    world = state.world[0]
    record = state.resident[r]
    segment = state.segment[record.segment]
    size = world.block_size
    idle_s = world.now_s - record.released_s
    again_s = prefill_s(state, i, record.blocks * size, segment.start_block * size)
    below = blocks_below(state, i, record.segment, segment.start_block)
    row[4] = 1.0
    row[6] = squash(idle_s, 10.0)
    row[7] = squash(record.uses, 4.0)
    row[8] = record.blocks / state.pool[i].capacity
    row[9] = squash(segment.start_block * size, 30000.0)
    row[10] = squash(again_s, 0.3)
    row[11] = min(1.0, below / record.blocks)
    row[IDLE] = idle_s
    row[RETURN] = 0.0
    row[PREFILL] = again_s
    if record.program != NONE:
        _observe_owner(state, i, record.program, row)


@compiled
def _observe_owner(state, i, p, row):
    world = state.world[0]
    run = state.program_run[p]
    return_s = expected_return_s(state, p)
    row[12] = run.state == ACTIVE
    row[13] = run.state == ACTIVE and run.live == 0
    row[14] = run.state == ACTIVE and run.live > 0
    row[15] = run.home != i
    row[16] = squash(world.now_s - run.acting_since_s, 10.0) if row[13] > 0.0 else 0.0
    row[17] = signed(return_s, 5.0)
    row[18] = squash(expected_remaining_s(state, p), 30.0) if run.state == ACTIVE else 0.0
    row[19] = squash(state.program[p].n_turns - run.turns_left, 10.0)
    row[RETURN] = return_s


EVICT_KV = question("evict_kv", FEATURES, lambda simulator: TARGETS * simulator.blueprint.candidates, observe, __file__)
"""One answer a candidate and place that it could go to."""
