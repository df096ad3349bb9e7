"""What decides which idle KV goes when blocks are needed: whose it is, when that returns, what a loss would cost."""

from agentsim_env.engine.core.decisions import DOWN_TO_CXL, DOWN_TO_DRAM, DROP_KV, TARGETS
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import ACTIVE, NONE
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.engine.programs.history import expected_remaining_s
from agentsim_env.engine.programs.invocation_distance import object_distance
from agentsim_env.envs.feature import FeatureTable
from agentsim_env.envs.hint_features import FEATURES as HINTS
from agentsim_env.envs.hint_features import observe_hint
from agentsim_env.envs.instance_context import INSTANCE_CONTEXT, observe_instance, repeat
from agentsim_env.envs.memory_below import blocks_below
from agentsim_env.envs.program_context import expected_return_s
from agentsim_env.envs.question import question
from agentsim_env.envs.scales import signed, squash

FEATURES = FeatureTable()

# Of one place that an idle piece of cache could go to.
ALLOWED = FEATURES.flag("allowed", "the answer is legal")
IS_DROP = FEATURES.flag("is_drop", "the row's answer is to drop it")
IS_TO_DRAM = FEATURES.flag("is_to_dram", "to move it to DRAM")
IS_TO_CXL = FEATURES.flag("is_to_cxl", "to move it to CXL")

# Of the piece and its owner, the program that used it last: the same in the three rows of a piece.
RECORD_AT = len(FEATURES)
IS_RECORD = FEATURES.flag("is_record", "the row is a candidate")
PLACE = FEATURES.share("place", "its place over K, 0 being released longest ago")
IDLE_S = FEATURES.amount("idle_s", "time since it was released", 10.0, "s")
USES = FEATURES.amount("uses", "stays of turns in a batch that used it", 4.0)
HELD_SHARE = FEATURES.share("held_share", "its blocks over the memory of the instance")
DEPTH_TOKENS = FEATURES.amount("depth_tokens", "tokens of the context that stand before it", 30000.0)
PREFILL_S = FEATURES.amount("prefill_s", "time to compute it alone, behind these", 0.3, "s")
BELOW_SHARE = FEATURES.share("below_share", "share of it that a tier below has")
OWNER_GOES_ON = FEATURES.flag("owner_goes_on", "its owner has not ended")
OWNER_ACTS = FEATURES.flag("owner_acts", "it has no turn in the cluster")
OWNER_WAITS = FEATURES.flag("owner_waits", "it has one")
OWNER_IS_ELSEWHERE = FEATURES.flag("owner_is_elsewhere", "its last turn went to another instance")
ACTING_S = FEATURES.amount("acting_s", "since when it has had none", 10.0, "s")
RETURN_S = FEATURES.difference(
    "return_s", "time to its next turn by the mean gap of its tool, below 0 when late", 5.0, "s"
)
REMAINING_S = FEATURES.amount("remaining_s", "service to expect of it, by the means of those that are done", 30.0, "s")
TURNS_DONE = FEATURES.amount("turns_done", "turns of it that have ended", 10.0)
IDLE_RANK = FEATURES.amount("idle_rank", "idle_s below the longest of the candidates", 10.0, "s")
RETURN_RANK = FEATURES.amount("return_rank", "return_s below the latest of the candidates", 10.0, "s")
PREFILL_RANK = FEATURES.amount("prefill_rank", "prefill_s above the least of the candidates", 0.3, "s")

INSTANCE_AT = FEATURES.extend(INSTANCE_CONTEXT)

# Where programs report, what those have said that use the piece, the nearest of them.
HINT_AT = len(FEATURES)
HINTS_END = HINT_AT + len(HINTS)

SCALE = FEATURES.scales


@compiled
def observe(state, out):
    """Fill `out` [3 K, features]: for each candidate, the one released longest ago first, drop, to DRAM, to CXL."""
    world = state.world[0]
    i = world.asked_instance
    n_most = TARGETS * len(state.candidate)
    out[:, :INSTANCE_AT] = 0.0
    longest_s, latest_s, least_s = 0.0, -1e30, 1e30
    for k in range(world.n_candidates):
        row = out[TARGETS * k]
        _observe_record(state, i, state.candidate[k], row)
        row[PLACE] = k / len(state.candidate)
        longest_s = max(longest_s, row[IDLE_RANK])
        latest_s = max(latest_s, row[RETURN_RANK])
        least_s = min(least_s, row[PREFILL_RANK])
    for k in range(world.n_candidates):
        first = out[TARGETS * k]
        first[IDLE_RANK] = squash(longest_s - first[IDLE_RANK], SCALE[IDLE_RANK])
        first[RETURN_RANK] = squash(latest_s - first[RETURN_RANK], SCALE[RETURN_RANK])
        first[PREFILL_RANK] = squash(first[PREFILL_RANK] - least_s, SCALE[PREFILL_RANK])
        for target in range(TARGETS):
            row = out[TARGETS * k + target]
            for column in range(RECORD_AT, INSTANCE_AT):
                row[column] = first[column]
            row[ALLOWED] = state.option[TARGETS * k + target]
            row[IS_DROP] = target == DROP_KV
            row[IS_TO_DRAM] = target == DOWN_TO_DRAM
            row[IS_TO_CXL] = target == DOWN_TO_CXL
    observe_instance(state, i, out[0, INSTANCE_AT:])
    repeat(out, n_most, INSTANCE_AT)
    if out.shape[1] >= HINTS_END:
        out[:, HINT_AT:] = 0.0
        # Owners are known if somebody has something to report.
        for k in range(world.n_candidates if len(state.owner_first) > 0 else 0):
            nearest = object_distance(state, state.candidate[k])
            for target in range(TARGETS):
                observe_hint(nearest, out[TARGETS * k + target, HINT_AT:])


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
    row[IS_RECORD] = 1.0
    row[IDLE_S] = squash(idle_s, SCALE[IDLE_S])
    row[USES] = squash(record.uses, SCALE[USES])
    row[HELD_SHARE] = record.blocks / state.pool[i].capacity
    row[DEPTH_TOKENS] = squash(segment.start_block * size, SCALE[DEPTH_TOKENS])
    row[PREFILL_S] = squash(again_s, SCALE[PREFILL_S])
    row[BELOW_SHARE] = min(1.0, below / record.blocks)
    row[IDLE_RANK] = idle_s
    row[RETURN_RANK] = 0.0
    row[PREFILL_RANK] = again_s
    if record.program != NONE:
        _observe_owner(state, i, record.program, row)


@compiled
def _observe_owner(state, i, p, row):
    world = state.world[0]
    run = state.program_run[p]
    return_s = expected_return_s(state, p)
    row[OWNER_GOES_ON] = run.state == ACTIVE
    row[OWNER_ACTS] = run.state == ACTIVE and run.live == 0
    row[OWNER_WAITS] = run.state == ACTIVE and run.live > 0
    row[OWNER_IS_ELSEWHERE] = run.home != i
    row[ACTING_S] = squash(world.now_s - run.acting_since_s, SCALE[ACTING_S]) if row[OWNER_ACTS] > 0.0 else 0.0
    row[RETURN_S] = signed(return_s, SCALE[RETURN_S])
    row[REMAINING_S] = squash(expected_remaining_s(state, p), SCALE[REMAINING_S]) if run.state == ACTIVE else 0.0
    row[TURNS_DONE] = squash(state.program[p].n_turns - run.turns_left, SCALE[TURNS_DONE])
    row[RETURN_RANK] = return_s


EVICT_KV = question("evict_kv", FEATURES, observe, __file__, HINTS)
"""One answer per candidate and place that it could go to."""
