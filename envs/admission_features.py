"""What decides whether a program comes in: the program, those inside and those held, memory, queues, hits."""

from agentsim_env.engine.batch.look import pending_prefill_tokens
from agentsim_env.engine.batch.runs import synchronise
from agentsim_env.engine.core.decisions import ADMIT, HOLD, REJECT
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.prefix_lookup import uncached_prompt_tokens
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.envs.instance_context import repeat
from agentsim_env.envs.question import question
from agentsim_env.envs.scales import signed, squash

ANSWER_FEATURES: tuple[str, ...] = ("allowed", "is_admit", "is_hold", "is_reject")
"""Features of an answer."""

PROGRAM_FEATURES: tuple[str, ...] = (
    "is_held",
    "age_s",
    "prompt_tokens",
    "uncached_tokens",
    "expected_share",
    "slack_s",
)
"""Features of the program that asks."""

CLUSTER_FEATURES: tuple[str, ...] = (
    "inside",
    "held",
    "paused",
    "inside_share",
    "headroom_share",
    "cluster_locked_share",
    "fullest_locked_share",
    "cached_share",
    "cluster_waiting",
    "cluster_running",
    "acting_share",
    "pending_s",
    "hit_rate",
    "queue_uncached_share",
    "mean_service_s",
)
"""Features of the cluster."""

FEATURES: tuple[str, ...] = ANSWER_FEATURES + PROGRAM_FEATURES + CLUSTER_FEATURES

N_ANSWERS = 3


@compiled
def observe(state, out):
    """Fill `out` [admit, hold, reject; features] for the program that asks, if one does."""
    row = out[0]
    at = len(ANSWER_FEATURES)
    _observe_cluster(state, row, at + len(PROGRAM_FEATURES))
    row[at : at + len(PROGRAM_FEATURES)] = 0.0
    if state.world[0].asked_program != NONE:
        _observe_program(state, row, at)
    repeat(out, N_ANSWERS, at)
    for answer in range(N_ANSWERS):
        out[answer, 0] = state.option[answer]
        out[answer, 1] = answer == ADMIT
        out[answer, 2] = answer == HOLD
        out[answer, 3] = answer == REJECT


@compiled
def _capacity_tokens(state):
    """Tokens of KV that the instances hold which are up."""
    blocks = 0
    for i in range(len(state.instance)):
        blocks += state.pool[i].capacity if state.instance[i].up else 0
    return max(1, blocks * state.world[0].block_size)


@compiled
def _expected_tokens(state, p):
    """Longest context to expect of a program: the mean of those that are done, at least its first prompt."""
    world = state.world[0]
    prompt = float(state.turn[state.program[p].first_turn].prompt_tokens)
    return max(prompt, world.done_tokens / world.n_done) if world.n_done > 0 else prompt


@compiled
def _observe_program(state, row, at):
    """The program that asks; the instances have been brought up to now."""
    world = state.world[0]
    p = world.asked_program
    run = state.program_run[p]
    first = state.program[p].first_turn
    uncached = state.turn[first].prompt_tokens
    for i in range(len(state.instance)):
        if state.instance[i].up:
            uncached = min(uncached, uncached_prompt_tokens(state, i, first))
    slack_s = state.program[p].deadline_s - world.now_s
    row[at] = run.busy > 0
    row[at + 1] = squash(world.now_s - run.arrived_s, 60.0)
    row[at + 2] = squash(state.turn[first].prompt_tokens, 30000.0)
    row[at + 3] = squash(uncached, 4000.0)
    row[at + 4] = squash(_expected_tokens(state, p) / _capacity_tokens(state), 0.1)
    row[at + 5] = signed(slack_s, 60.0) if slack_s < 1e9 else 1.0


@compiled
def _observe_cluster(state, row, at):
    """Sums over the instances that are up."""
    world = state.world[0]
    up, waiting, running = 0, 0, 0
    used, idle, capacity = 0, 0, 0
    hits, looked_up, queued, expected = 0, 0, 0, 0
    pending_s, fullest = 0.0, 0.0
    for i in range(len(state.instance)):
        instance = state.instance[i]
        hits += instance.hit_tokens
        looked_up += instance.lookup_tokens
        if not instance.up:
            continue
        synchronise(state, i)
        pool = state.pool[i]
        up += 1
        used += pool.used
        idle += pool.idle
        capacity += pool.capacity
        fullest = max(fullest, (pool.used - pool.idle) / pool.capacity)
        waiting += instance.n_waiting
        running += instance.n_running
        queued += instance.queued_tokens
        expected += instance.expected_tokens
        pending_s += prefill_s(state, i, pending_prefill_tokens(state, i), 0)
    n = max(1, up)
    tokens = _capacity_tokens(state)
    with_it = float(world.inside_tokens)
    if world.asked_program != NONE:
        with_it += _expected_tokens(state, world.asked_program)
    row[at] = squash(world.n_admitted / n, 16.0)
    row[at + 1] = squash(world.n_held / n, 4.0)
    row[at + 2] = squash(world.n_paused / n, 4.0)
    row[at + 3] = squash(world.inside_tokens / tokens, 1.0)
    row[at + 4] = signed(1.0 - with_it / tokens, 0.5)
    row[at + 5] = (used - idle) / capacity if capacity > 0 else 1.0
    row[at + 6] = fullest
    row[at + 7] = idle / capacity if capacity > 0 else 0.0
    row[at + 8] = squash(waiting / n, 4.0)
    row[at + 9] = squash(running / n, 16.0)
    row[at + 10] = max(0.0, 1.0 - (waiting + running) / max(1, world.n_admitted))
    row[at + 11] = squash(pending_s / n, 0.6)
    row[at + 12] = hits / max(1, looked_up)
    row[at + 13] = expected / max(1, queued)
    row[at + 14] = squash(world.done_service_s / max(1, world.n_done), 60.0)


ADMIT_PROGRAM = question("admit_program", FEATURES, observe, __file__)
"""Admit, hold, reject."""
