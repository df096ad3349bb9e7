"""What decides what is brought up ahead of its use: who comes back when, what is missing, what the link carries."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.times import has_happened
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.engine.programs.history import expected_remaining_s
from agentsim_env.engine.residency.residency import available_blocks, depth_blocks, free_blocks
from agentsim_env.engine.tiers.prefetch_subjects import ahead_blocks, context_blocks, held_ahead
from agentsim_env.envs.instance_context import INSTANCE_CONTEXT, observe_instance, repeat
from agentsim_env.envs.memory_below import link_queue, move_s, nearest
from agentsim_env.envs.program_context import expected_return_s
from agentsim_env.envs.question import question
from agentsim_env.envs.scales import signed, squash

SUBJECT_FEATURES: tuple[str, ...] = (
    "allowed",
    "is_none",
    "is_turn",
    "is_acting",
    "place",
    "wait_s",
    "acting_s",
    "return_s",
    "return_above_move_s",
    "age_s",
    "remaining_s",
    "turns_done",
    "held_share",
    "missing_tokens",
    "move_s",
    "prefill_s",
    "blocks_ratio",
    "evicted_share",
)
"""Features of a context that could be brought up, and of its program."""

LINK_FEATURES: tuple[str, ...] = ("link_is_busy", "link_queue")

FEATURES: tuple[str, ...] = SUBJECT_FEATURES + LINK_FEATURES + INSTANCE_CONTEXT

N_SUBJECT_FEATURES = len(SUBJECT_FEATURES)


@compiled
def observe(state, out):
    """Fill `out` [K + 1, features]: turns that wait, then programs that act, empty rows, and bringing up nothing."""
    world = state.world[0]
    i = world.asked_instance
    k_most = len(state.candidate)
    out[:, :N_SUBJECT_FEATURES] = 0.0
    for k in range(world.n_candidates):
        _observe_subject(state, i, state.candidate[k], out[k])
        out[k, 0] = state.option[k]
        out[k, 4] = k / k_most
    out[k_most, 0] = state.option[k_most]
    out[k_most, 1] = 1.0
    link = state.link[state.tier[i, nearest(state, i)].up]
    out[0, N_SUBJECT_FEATURES] = link.current >= 0
    out[0, N_SUBJECT_FEATURES + 1] = squash(link_queue(state, link), 4.0)
    observe_instance(state, i, out[0], N_SUBJECT_FEATURES + len(LINK_FEATURES))
    repeat(out, k_most + 1, N_SUBJECT_FEATURES)


@compiled
def _observe_subject(state, i, t, row):
    """A turn that waits, or the last one of a program that acts."""
    world = state.world[0]
    turn_run = state.turn_run[t]
    p = state.turn[t].program
    run = state.program_run[p]
    size = world.block_size
    waits = not has_happened(turn_run.end_s)
    missing = ahead_blocks(state, i, t)
    held = min(depth_blocks(state, held_ahead(state, i, t)), context_blocks(state, t))
    way_s = move_s(state, i, nearest(state, i), missing)
    return_s = 0.0 if waits else expected_return_s(state, p)
    row[2] = waits
    row[3] = not waits
    row[5] = squash(world.now_s - turn_run.ready_s, 10.0) if waits else 0.0
    row[6] = 0.0 if waits else squash(world.now_s - run.acting_since_s, 10.0)
    row[7] = signed(return_s, 5.0)
    row[8] = signed(return_s - way_s, 1.0)
    row[9] = squash(world.now_s - run.arrived_s, 60.0)
    row[10] = squash(expected_remaining_s(state, p), 30.0)
    row[11] = squash(state.program[p].n_turns - run.turns_left, 10.0)
    row[12] = held / max(1, context_blocks(state, t))
    row[13] = squash(missing * size, 30000.0)
    row[14] = squash(way_s, 0.3)
    row[15] = squash(prefill_s(state, i, missing * size, held * size), 0.3)
    row[16] = squash(missing / max(1, available_blocks(state, i)), 1.0)
    row[17] = min(1.0, max(0, missing - free_blocks(state, i)) / state.pool[i].capacity)


PREFETCH_KV = question("prefetch_kv", FEATURES, lambda simulator: simulator.blueprint.candidates + 1, observe, __file__)
"""One answer a candidate, and one to bring up nothing."""
