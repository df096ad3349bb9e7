"""What decides what is brought up ahead of its use: who comes back when, what is missing, what the link carries."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.times import has_happened
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.engine.programs.history import expected_remaining_s
from agentsim_env.engine.programs.invocation_distance import distance
from agentsim_env.engine.residency.residency import available_blocks, depth_blocks, free_blocks
from agentsim_env.engine.tiers.prefetch_subjects import ahead_blocks, context_blocks, held_ahead
from agentsim_env.envs.feature import FeatureTable
from agentsim_env.envs.hint_features import FEATURES as HINTS
from agentsim_env.envs.hint_features import observe_hint
from agentsim_env.envs.instance_context import INSTANCE_CONTEXT, observe_instance, repeat
from agentsim_env.envs.memory_below import link_queue, move_s, nearest
from agentsim_env.envs.program_context import expected_return_s
from agentsim_env.envs.question import question
from agentsim_env.envs.scales import signed, squash

FEATURES = FeatureTable()

# Of a context that could be brought up, and of its program.
ALLOWED = FEATURES.flag("allowed", "the answer is legal")
IS_NONE = FEATURES.flag("is_none", "the row's answer is to bring up nothing")
IS_TURN = FEATURES.flag("is_turn", "the row is a waiting turn")
IS_ACTING = FEATURES.flag("is_acting", "the row is a program that acts")
PLACE = FEATURES.share("place", "its place over K")
WAIT_S = FEATURES.amount("wait_s", "time since the turn became ready", 10.0, "s")
ACTING_S = FEATURES.amount("acting_s", "since when the program acts", 10.0, "s")
RETURN_S = FEATURES.difference(
    "return_s", "time to its next turn by the mean gap of its tool, below 0 when late", 5.0, "s"
)
RETURN_ABOVE_MOVE_S = FEATURES.difference("return_above_move_s", "that above move_s", 1.0, "s")
AGE_S = FEATURES.amount("age_s", "time since the program arrived", 60.0, "s")
REMAINING_S = FEATURES.amount("remaining_s", "service to expect of it, by the means of those that are done", 30.0, "s")
TURNS_DONE = FEATURES.amount("turns_done", "turns of it that have ended", 10.0)
HELD_SHARE = FEATURES.share("held_share", "share of the context that the instance holds")
MISSING_TOKENS = FEATURES.amount("missing_tokens", "what can be brought up", 30000.0)
MOVE_S = FEATURES.amount("move_s", "time that this takes on the link", 0.3, "s")
PREFILL_S = FEATURES.amount("prefill_s", "time to compute it alone instead", 0.3, "s")
BLOCKS_RATIO = FEATURES.amount("blocks_ratio", "its blocks over those that are free or idle", 1.0)
EVICTED_SHARE = FEATURES.share("evicted_share", "blocks that would have to go for it over the memory of the instance")

# Of the link, the same in each row.
LINK_AT = len(FEATURES)
LINK_IS_BUSY = FEATURES.flag("link_is_busy", "something is on the link")
LINK_QUEUE = FEATURES.amount("link_queue", "transfers that wait for it", 4.0)

INSTANCE_AT = FEATURES.extend(INSTANCE_CONTEXT)

# Where programs report, what theirs has said.
HINT_AT = len(FEATURES)
HINTS_END = HINT_AT + len(HINTS)

SCALE = FEATURES.scales


@compiled
def observe(state, out):
    """Fill `out` [K + 1, features]: turns that wait, then programs that act, empty rows, and bringing up nothing."""
    world = state.world[0]
    i = world.asked_instance
    k_most = len(state.candidate)
    out[:, :LINK_AT] = 0.0
    for k in range(world.n_candidates):
        _observe_subject(state, i, state.candidate[k], out[k])
        out[k, ALLOWED] = state.option[k]
        out[k, PLACE] = k / k_most
    out[k_most, ALLOWED] = state.option[k_most]
    out[k_most, IS_NONE] = 1.0
    link = state.link[state.tier[i, nearest(state, i)].up]
    out[0, LINK_IS_BUSY] = link.current >= 0
    out[0, LINK_QUEUE] = squash(link_queue(state, link), SCALE[LINK_QUEUE])
    observe_instance(state, i, out[0, INSTANCE_AT:])
    repeat(out, k_most + 1, LINK_AT)
    if out.shape[1] >= HINTS_END:
        out[:, HINT_AT:] = 0.0
        for k in range(world.n_candidates):
            observe_hint(distance(state, state.turn[state.candidate[k]].program), out[k, HINT_AT:])


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
    row[IS_TURN] = waits
    row[IS_ACTING] = not waits
    row[WAIT_S] = squash(world.now_s - turn_run.ready_s, SCALE[WAIT_S]) if waits else 0.0
    row[ACTING_S] = 0.0 if waits else squash(world.now_s - run.acting_since_s, SCALE[ACTING_S])
    row[RETURN_S] = signed(return_s, SCALE[RETURN_S])
    row[RETURN_ABOVE_MOVE_S] = signed(return_s - way_s, SCALE[RETURN_ABOVE_MOVE_S])
    row[AGE_S] = squash(world.now_s - run.arrived_s, SCALE[AGE_S])
    row[REMAINING_S] = squash(expected_remaining_s(state, p), SCALE[REMAINING_S])
    row[TURNS_DONE] = squash(state.program[p].n_turns - run.turns_left, SCALE[TURNS_DONE])
    row[HELD_SHARE] = held / max(1, context_blocks(state, t))
    row[MISSING_TOKENS] = squash(missing * size, SCALE[MISSING_TOKENS])
    row[MOVE_S] = squash(way_s, SCALE[MOVE_S])
    row[PREFILL_S] = squash(prefill_s(state, i, missing * size, held * size), SCALE[PREFILL_S])
    row[BLOCKS_RATIO] = squash(missing / max(1, available_blocks(state, i)), SCALE[BLOCKS_RATIO])
    row[EVICTED_SHARE] = min(1.0, max(0, missing - free_blocks(state, i)) / state.pool[i].capacity)


PREFETCH_KV = question("prefetch_kv", FEATURES, observe, __file__, HINTS)
"""One answer per candidate, and one to bring up nothing."""
