"""What decides which waiting turn joins a batch: its program, its cache, its wait, and the instance."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.eviction.prefix_lookup import ceil_blocks, uncached_tokens
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.engine.residency.residency import available_blocks
from agentsim_env.envs.instance_context import INSTANCE_CONTEXT, observe_instance, repeat
from agentsim_env.envs.question import question
from agentsim_env.envs.scales import signed, squash

TURN_FEATURES: tuple[str, ...] = (
    "allowed",
    "is_hold",
    "is_turn",
    "place",
    "was_preempted",
    "wait_s",
    "age_s",
    "service_s",
    "wait_ratio",
    "remaining_s",
    "slack_s",
    "tenant_service_share",
    "turns_done",
    "prompt_tokens",
    "uncached_tokens",
    "hit_share",
    "prefill_s",
    "blocks_ratio",
    "age_rank",
    "service_rank",
    "uncached_rank",
)
"""Features of a waiting turn, for the instance where it waits."""

BATCH_FEATURES: tuple[str, ...] = ("budget_share", "more_waiting")

FEATURES: tuple[str, ...] = TURN_FEATURES + BATCH_FEATURES + INSTANCE_CONTEXT

N_TURN_FEATURES = len(TURN_FEATURES)


@compiled
def observe(state, out):
    """Fill `out` [K + 1, features]: the candidates in the order of the queue, empty rows, and holding all back."""
    world = state.world[0]
    i = world.asked_instance
    instance = state.instance[i]
    k_most = len(state.candidate)
    out[:, :N_TURN_FEATURES] = 0.0
    oldest_s, least_s, fewest = 0.0, 1e30, 1e30
    for k in range(world.n_candidates):
        s = state.candidate[k]
        run = state.program_run[state.slot[s].program]
        uncached = uncached_tokens(state, i, s)
        _observe_turn(state, i, s, uncached, out[k])
        out[k, 0] = state.option[k]
        out[k, 3] = k / k_most
        out[k, 18] = world.now_s - run.arrived_s
        out[k, 19] = run.service_s
        out[k, 20] = uncached
        oldest_s = max(oldest_s, out[k, 18])
        least_s = min(least_s, out[k, 19])
        fewest = min(fewest, out[k, 20])
    for k in range(world.n_candidates):
        out[k, 18] = squash(oldest_s - out[k, 18], 60.0)
        out[k, 19] = squash(out[k, 19] - least_s, 10.0)
        out[k, 20] = squash(out[k, 20] - fewest, 4000.0)
    out[k_most, 0] = state.option[k_most]
    out[k_most, 1] = 1.0
    out[0, N_TURN_FEATURES] = 1.0 - instance.plan_tokens / instance.max_num_batched_tokens
    out[0, N_TURN_FEATURES + 1] = squash(instance.n_waiting - world.n_candidates, 16.0)
    observe_instance(state, i, out[0], N_TURN_FEATURES + len(BATCH_FEATURES))
    repeat(out, k_most + 1, N_TURN_FEATURES)


@compiled
def expected_remaining_s(state, p):
    """Service that a program will still need, on average: that of a whole one less its own, at least a mean turn's."""
    world = state.world[0]
    if world.turns_ended == 0:
        return 1.0
    whole_s = world.done_service_s / world.n_done if world.n_done > 0 else 0.0
    return max(whole_s - state.program_run[p].service_s, world.ended_service_s / world.turns_ended)


@compiled
def _observe_turn(state, i, s, uncached, row):
    """What a turn is like, but for its place and its ranks."""
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
    row[2] = 1.0
    row[4] = turn_run.preemptions > 0
    row[5] = squash(wait_s, 10.0)
    row[6] = squash(world.now_s - run.arrived_s, 60.0)
    row[7] = squash(run.service_s, 30.0)
    row[8] = waited_s / max(1e-9, waited_s + run.service_s)
    row[9] = squash(expected_remaining_s(state, slot.program), 30.0)
    row[10] = signed(slack_s, 60.0) if slack_s < 1e9 else 1.0
    row[11] = state.tenant[program.tenant].service_s / max(1e-9, world.ended_service_s)
    row[12] = squash(slot.turn - program.first_turn, 10.0)
    row[13] = squash(slot.target, 30000.0)
    row[14] = squash(uncached, 4000.0)
    row[15] = cached / slot.target
    row[16] = squash(prefill_s(state, i, uncached, cached), 0.3)
    row[17] = squash(ceil_blocks(uncached, size) / max(1, available_blocks(state, i)), 1.0)


SCHEDULE_TURN = question(
    "schedule_turn", FEATURES, lambda simulator: simulator.blueprint.candidates + 1, observe, __file__
)
"""One answer a candidate, and one to hold all of them back."""
