"""What decides which waiting turn joins a batch: its program, its cache, its wait, and the instance."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.eviction.prefix_lookup import ceil_blocks, uncached_tokens
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.engine.programs.history import expected_remaining_s
from agentsim_env.engine.residency.residency import available_blocks
from agentsim_env.envs.feature import FeatureTable
from agentsim_env.envs.instance_context import INSTANCE_CONTEXT, observe_instance, repeat
from agentsim_env.envs.question import question
from agentsim_env.envs.scales import signed, squash

FEATURES = FeatureTable()

# Of a waiting turn, for the instance where it waits.
ALLOWED = FEATURES.flag("allowed", "the answer is legal: the turn fits, or others run while all are held")
IS_HOLD = FEATURES.flag("is_hold", "the row's answer is to hold all back")
IS_TURN = FEATURES.flag("is_turn", "the row is a turn")
PLACE = FEATURES.share("place", "place in the queue over K")
WAS_PREEMPTED = FEATURES.flag("was_preempted", "it was in a batch before")
WAIT_S = FEATURES.amount("wait_s", "time since it became ready", 10.0, "s")
AGE_S = FEATURES.amount("age_s", "time since the program arrived", 60.0, "s")
SERVICE_S = FEATURES.amount("service_s", "execution time of the program's turns so far", 30.0, "s")
WAIT_RATIO = FEATURES.share("wait_ratio", "time that its turns have waited over that and service_s")
REMAINING_S = FEATURES.amount(
    "remaining_s", "service to expect of the program, by the means of those that are done", 30.0, "s"
)
SLACK_S = FEATURES.difference("slack_s", "time to the program's deadline; 1 without one", 60.0, "s")
TENANT_SERVICE_SHARE = FEATURES.share("tenant_service_share", "share of all service that its tenant has had")
TURNS_DONE = FEATURES.amount("turns_done", "number of the turn in its program", 10.0)
PROMPT_TOKENS = FEATURES.amount("prompt_tokens", "its context, with what it generated before a preemption", 30000.0)
UNCACHED_TOKENS = FEATURES.amount("uncached_tokens", "part of it to be computed as the cache is now", 4000.0)
HIT_SHARE = FEATURES.share("hit_share", "share of it that is cached")
PREFILL_S = FEATURES.amount("prefill_s", "time to compute the rest alone", 0.3, "s")
BLOCKS_RATIO = FEATURES.amount("blocks_ratio", "blocks for the rest over those that are free or idle", 1.0)
AGE_RANK = FEATURES.amount("age_rank", "age of the oldest candidate's program above this one's", 60.0, "s")
SERVICE_RANK = FEATURES.amount("service_rank", "service_s above the least of the candidates", 10.0, "s")
UNCACHED_RANK = FEATURES.amount("uncached_rank", "uncached_tokens above the fewest of the candidates", 4000.0)

# Of the batch, the same in each row.
BATCH_AT = len(FEATURES)
BUDGET_SHARE = FEATURES.share("budget_share", "share of the iteration's tokens that are left")
MORE_WAITING = FEATURES.amount("more_waiting", "turns in the queue behind the candidates", 16.0)

INSTANCE_AT = FEATURES.extend(INSTANCE_CONTEXT)

SCALE = FEATURES.scales


@compiled
def observe(state, out):
    """Fill `out` [K + 1, features]: the candidates in the order of the queue, empty rows, and holding all back."""
    world = state.world[0]
    i = world.asked_instance
    instance = state.instance[i]
    k_most = len(state.candidate)
    out[:, :BATCH_AT] = 0.0
    oldest_s, least_s, fewest = 0.0, 1e30, 1e30
    for k in range(world.n_candidates):
        s = state.candidate[k]
        run = state.program_run[state.slot[s].program]
        uncached = uncached_tokens(state, i, s)
        _observe_turn(state, i, s, uncached, out[k])
        out[k, ALLOWED] = state.option[k]
        out[k, PLACE] = k / k_most
        out[k, AGE_RANK] = world.now_s - run.arrived_s
        out[k, SERVICE_RANK] = run.service_s
        out[k, UNCACHED_RANK] = uncached
        oldest_s = max(oldest_s, out[k, AGE_RANK])
        least_s = min(least_s, out[k, SERVICE_RANK])
        fewest = min(fewest, out[k, UNCACHED_RANK])
    for k in range(world.n_candidates):
        out[k, AGE_RANK] = squash(oldest_s - out[k, AGE_RANK], SCALE[AGE_RANK])
        out[k, SERVICE_RANK] = squash(out[k, SERVICE_RANK] - least_s, SCALE[SERVICE_RANK])
        out[k, UNCACHED_RANK] = squash(out[k, UNCACHED_RANK] - fewest, SCALE[UNCACHED_RANK])
    out[k_most, ALLOWED] = state.option[k_most]
    out[k_most, IS_HOLD] = 1.0
    out[0, BUDGET_SHARE] = 1.0 - instance.plan_tokens / instance.max_num_batched_tokens
    out[0, MORE_WAITING] = squash(instance.n_waiting - world.n_candidates, SCALE[MORE_WAITING])
    observe_instance(state, i, out[0, INSTANCE_AT:])
    repeat(out, k_most + 1, BATCH_AT)


@compiled
def _observe_turn(state, i, s, uncached, row):
    """What a turn is like, except its place and its ranks."""
    world = state.world[0]
    slot = state.slot[s]
    turn_run = state.turn_run[slot.turn]
    program = state.program[slot.program]
    run = state.program_run[slot.program]
    size = world.block_size
    wait_s = world.now_s - turn_run.ready_s
    waited_s = run.wait_s + wait_s
    cached = slot.target - uncached
    slack_s = program.deadline_s - world.now_s
    row[IS_TURN] = 1.0
    row[WAS_PREEMPTED] = turn_run.preemptions > 0
    row[WAIT_S] = squash(wait_s, SCALE[WAIT_S])
    row[AGE_S] = squash(world.now_s - run.arrived_s, SCALE[AGE_S])
    row[SERVICE_S] = squash(run.service_s, SCALE[SERVICE_S])
    row[WAIT_RATIO] = waited_s / max(1e-9, waited_s + run.service_s)
    row[REMAINING_S] = squash(expected_remaining_s(state, slot.program), SCALE[REMAINING_S])
    row[SLACK_S] = signed(slack_s, SCALE[SLACK_S]) if slack_s < 1e9 else 1.0
    row[TENANT_SERVICE_SHARE] = state.tenant[program.tenant].service_s / max(1e-9, world.ended_service_s)
    row[TURNS_DONE] = squash(slot.turn - program.first_turn, SCALE[TURNS_DONE])
    row[PROMPT_TOKENS] = squash(slot.target, SCALE[PROMPT_TOKENS])
    row[UNCACHED_TOKENS] = squash(uncached, SCALE[UNCACHED_TOKENS])
    row[HIT_SHARE] = cached / slot.target
    row[PREFILL_S] = squash(prefill_s(state, i, uncached, cached), SCALE[PREFILL_S])
    row[BLOCKS_RATIO] = squash(ceil_blocks(uncached, size) / max(1, available_blocks(state, i)), SCALE[BLOCKS_RATIO])


SCHEDULE_TURN = question("schedule_turn", FEATURES, observe, __file__)
"""One answer per candidate, and one to hold all of them back."""
