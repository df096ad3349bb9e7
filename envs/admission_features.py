"""What decides whether a program comes in: the program, those inside and those held, memory, queues, hits."""

from agentsim_env.engine.batch.look import pending_prefill_tokens
from agentsim_env.engine.batch.runs import synchronise
from agentsim_env.engine.core.decisions import ADMIT, HOLD, REJECT
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.prefix_lookup import uncached_prompt_tokens
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.envs.feature import FeatureTable
from agentsim_env.envs.instance_context import repeat
from agentsim_env.envs.question import question
from agentsim_env.envs.scales import signed, squash

FEATURES = FeatureTable()

# Of an answer.
ALLOWED = FEATURES.flag("allowed", "the answer is legal")
IS_ADMIT = FEATURES.flag("is_admit", "the row's answer is to admit")
IS_HOLD = FEATURES.flag("is_hold", "to hold")
IS_REJECT = FEATURES.flag("is_reject", "to reject")

# Of the program that asks, the same in each row.
PROGRAM_AT = len(FEATURES)
IS_HELD = FEATURES.flag("is_held", "the program has been held before")
AGE_S = FEATURES.amount("age_s", "time since the program arrived", 60.0, "s")
PROMPT_TOKENS = FEATURES.amount("prompt_tokens", "its first prompt", 30000.0)
UNCACHED_TOKENS = FEATURES.amount("uncached_tokens", "least part of it that an instance would have to compute", 4000.0)
EXPECTED_SHARE = FEATURES.amount(
    "expected_share", "context to expect of it, the mean of those that are done, over the memory", 0.1
)
SLACK_S = FEATURES.difference("slack_s", "time to its deadline; 1 without one", 60.0, "s")

# Of the cluster, likewise.
CLUSTER_AT = len(FEATURES)
INSIDE = FEATURES.amount("inside", "programs inside per instance", 16.0)
HELD = FEATURES.amount("held", "programs held per instance", 4.0)
PAUSED = FEATURES.amount("paused", "programs paused per instance", 4.0)
INSIDE_SHARE = FEATURES.amount("inside_share", "contexts of those inside over the memory", 1.0)
HEADROOM_SHARE = FEATURES.difference("headroom_share", "share of the memory that is left if this one comes in", 0.5)
CLUSTER_LOCKED_SHARE = FEATURES.share("cluster_locked_share", "share of all KV blocks that are in use")
FULLEST_LOCKED_SHARE = FEATURES.share("fullest_locked_share", "the same on the fullest instance")
CACHED_SHARE = FEATURES.share("cached_share", "share of all KV blocks that hold idle cache")
CLUSTER_WAITING = FEATURES.amount("cluster_waiting", "waiting turns per instance", 4.0)
CLUSTER_RUNNING = FEATURES.amount("cluster_running", "running turns per instance", 16.0)
ACTING_SHARE = FEATURES.share("acting_share", "share of those inside that have no turn on an instance")
PENDING_S = FEATURES.amount("pending_s", "time to compute the pending prefills, per instance", 0.6, "s")
HIT_RATE = FEATURES.share("hit_rate", "share of the prompts so far that was cached when they first joined a batch")
QUEUE_UNCACHED_SHARE = FEATURES.share(
    "queue_uncached_share", "share of the waiting prompts that is expected to be computed"
)
MEAN_SERVICE_S = FEATURES.amount("mean_service_s", "mean execution time of the programs that are done", 60.0, "s")

SCALE = FEATURES.scales

N_ANSWERS = 3


@compiled
def observe(state, out):
    """Fill `out` [admit, hold, reject; features] for the program that asks, if one does."""
    row = out[0]
    _observe_cluster(state, row)
    row[PROGRAM_AT:CLUSTER_AT] = 0.0
    if state.world[0].asked_program != NONE:
        _observe_program(state, row)
    repeat(out, N_ANSWERS, PROGRAM_AT)
    for answer in range(N_ANSWERS):
        out[answer, ALLOWED] = state.option[answer]
        out[answer, IS_ADMIT] = answer == ADMIT
        out[answer, IS_HOLD] = answer == HOLD
        out[answer, IS_REJECT] = answer == REJECT


@compiled
def _capacity_tokens(state):
    """Tokens of KV that the instances which are up can hold."""
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
def _observe_program(state, row):
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
    row[IS_HELD] = run.busy > 0
    row[AGE_S] = squash(world.now_s - run.arrived_s, SCALE[AGE_S])
    row[PROMPT_TOKENS] = squash(state.turn[first].prompt_tokens, SCALE[PROMPT_TOKENS])
    row[UNCACHED_TOKENS] = squash(uncached, SCALE[UNCACHED_TOKENS])
    row[EXPECTED_SHARE] = squash(_expected_tokens(state, p) / _capacity_tokens(state), SCALE[EXPECTED_SHARE])
    row[SLACK_S] = signed(slack_s, SCALE[SLACK_S]) if slack_s < 1e9 else 1.0


@compiled
def _observe_cluster(state, row):
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
    row[INSIDE] = squash(world.n_admitted / n, SCALE[INSIDE])
    row[HELD] = squash(world.n_held / n, SCALE[HELD])
    row[PAUSED] = squash(world.n_paused / n, SCALE[PAUSED])
    row[INSIDE_SHARE] = squash(world.inside_tokens / tokens, SCALE[INSIDE_SHARE])
    row[HEADROOM_SHARE] = signed(1.0 - with_it / tokens, SCALE[HEADROOM_SHARE])
    row[CLUSTER_LOCKED_SHARE] = (used - idle) / capacity if capacity > 0 else 1.0
    row[FULLEST_LOCKED_SHARE] = fullest
    row[CACHED_SHARE] = idle / capacity if capacity > 0 else 0.0
    row[CLUSTER_WAITING] = squash(waiting / n, SCALE[CLUSTER_WAITING])
    row[CLUSTER_RUNNING] = squash(running / n, SCALE[CLUSTER_RUNNING])
    row[ACTING_SHARE] = max(0.0, 1.0 - (waiting + running) / max(1, world.n_admitted))
    row[PENDING_S] = squash(pending_s / n, SCALE[PENDING_S])
    row[HIT_RATE] = hits / max(1, looked_up)
    row[QUEUE_UNCACHED_SHARE] = expected / max(1, queued)
    row[MEAN_SERVICE_S] = squash(world.done_service_s / max(1, world.n_done), SCALE[MEAN_SERVICE_S])


ADMIT_PROGRAM = question("admit_program", FEATURES, observe, __file__)
"""Admit, hold, reject."""
