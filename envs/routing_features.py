"""What a router sees: one row an instance, the features of the turn repeated in each."""

from agentsim_env.engine.batch.forecast import decode_step_s
from agentsim_env.engine.batch.look import find_seen, pending_prefill_tokens
from agentsim_env.engine.batch.runs import synchronise
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.prefix_lookup import kept_blocks
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.envs.question import question
from agentsim_env.envs.scales import signed, squash

INSTANCE_FEATURES: tuple[str, ...] = (
    "allowed",
    "is_home",
    "hit_share",
    "uncached_tokens",
    "prefill_s",
    "waiting",
    "running",
    "pending_tokens",
    "pending_s",
    "context_tokens",
    "locked_share",
    "cached_share",
    "decode_step_s",
    "first_token_s",
    "first_token_rank",
    "turns_rank",
)
"""Features of an instance, for the turn that is to be routed."""

TURN_FEATURES: tuple[str, ...] = (
    "prompt_tokens",
    "new_tokens",
    "turns_done",
    "age_s",
    "has_home",
)
"""Features of the turn and its program, the same in each row."""

CLUSTER_FEATURES: tuple[str, ...] = ("cluster_turns", "cluster_locked_share")
"""Features of the cluster, likewise."""

FEATURES: tuple[str, ...] = INSTANCE_FEATURES + TURN_FEATURES + CLUSTER_FEATURES

N_INSTANCE_FEATURES = len(INSTANCE_FEATURES)
AT_CLUSTER = N_INSTANCE_FEATURES + len(TURN_FEATURES)


@compiled
def observe(state, out):
    """Fill `out` [instances, features] for the turn that is to be routed, or with the instances alone.

    Every value is in [-1, 1]. Tokens and times are squashed as x / (x + scale).
    """
    world = state.world[0]
    s = world.asked_slot
    out[:, N_INSTANCE_FEATURES:] = 0.0
    if world.view_delay_s == 0.0:
        for i in range(len(state.instance)):
            synchronise(state, i)
    if s == NONE:
        _observe_instances(state, NONE, 0, 0, 0, out)
        return
    slot = state.slot[s]
    find_seen(state, s)
    most = (slot.target - 1) // world.block_size
    _observe_instances(state, state.program_run[slot.program].home, slot.target, most, kept_blocks(state, s), out)
    _observe_turn(state, slot.turn, slot.program, out[0])
    for i in range(1, len(state.instance)):
        out[i, N_INSTANCE_FEATURES:AT_CLUSTER] = out[0, N_INSTANCE_FEATURES:AT_CLUSTER]


@compiled
def _observe_turn(state, t, p, row):
    """The turn that is to be routed and its program."""
    turn = state.turn[t]
    program = state.program_run[p]
    at = N_INSTANCE_FEATURES
    row[at] = squash(turn.prompt_tokens, 30000.0)
    row[at + 1] = squash(turn.new_tokens, 2000.0)
    row[at + 2] = squash(t - state.program[p].first_turn, 10.0)
    row[at + 3] = squash(state.world[0].now_s - program.arrived_s, 60.0)
    row[at + 4] = 1.0 if program.home != NONE else 0.0


@compiled
def _observe_instances(state, home, tokens, most, moved, out):
    """The instances, for a turn of so many tokens, of which `most` blocks can be cached and `moved` come with it."""
    world = state.world[0]
    n = len(state.instance)
    is_turn = tokens > 0
    soonest = 1e300
    fewest = 1e300
    turns = 0.0
    locked = 0.0
    for i in range(n):
        instance = state.seen[i]
        row = out[i]
        cached = min(most, max(int(state.score[i]), moved)) * world.block_size
        uncached = tokens - cached
        pending = pending_prefill_tokens(state, i)
        own_s = prefill_s(state, i, uncached, cached)
        pending_s = prefill_s(state, i, pending, cached)
        step_s = decode_step_s(state, i, instance.n_decode + is_turn, instance.kv_tokens + tokens)
        n_turns = instance.n_waiting + instance.n_running
        pool = state.seen_pool[i]
        locked_share = 1.0 - (pool.capacity - pool.used + pool.idle) / pool.capacity
        row[0] = state.allowed[i]
        row[1] = 1.0 if home == i else 0.0
        row[2] = cached / max(1, tokens)
        row[3] = squash(uncached, 4000.0)
        row[4] = squash(own_s, 0.3)
        row[5] = squash(instance.n_waiting, 4.0)
        row[6] = squash(instance.n_running, 16.0)
        row[7] = squash(pending, 8000.0)
        row[8] = squash(pending_s, 0.6)
        row[9] = squash(instance.outstanding_tokens, 400000.0)
        row[10] = locked_share
        row[11] = pool.idle / pool.capacity
        row[12] = squash(step_s, 0.02)
        row[13] = own_s + pending_s
        row[14] = own_s + pending_s
        row[15] = n_turns
        if state.allowed[i] or not is_turn:
            soonest = min(soonest, own_s + pending_s)
            fewest = min(fewest, n_turns)
        turns += n_turns
        locked += locked_share
    for i in range(n):
        row = out[i]
        row[14] = signed(row[14] - soonest, 0.3)
        row[13] = squash(row[13], 0.6)
        row[15] = signed(row[15] - fewest, 4.0)
        row[AT_CLUSTER] = squash(turns / n, 16.0)
        row[AT_CLUSTER + 1] = locked / n


ROUTE_TURN = question("route_turn", FEATURES, lambda simulator: len(simulator.engines), observe, __file__)
"""One answer an instance."""
