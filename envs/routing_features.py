"""What a router sees: one row an instance, the features of the turn repeated in each."""

from agentsim_env.engine.batching import synchronise
from agentsim_env.engine.estimate import prefill_s
from agentsim_env.engine.jit import compiled
from agentsim_env.engine.prefix import kept_blocks
from agentsim_env.engine.rules.forecast import decode_step_s
from agentsim_env.engine.rules.look import find_seen, pending_prefill_tokens
from agentsim_env.engine.state import NONE
from envs.question import question
from envs.scales import signed, squash

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
    "cluster_turns",
    "cluster_locked_share",
)
"""Features of the turn, its program and the cluster, the same in each row."""

FEATURES: tuple[str, ...] = INSTANCE_FEATURES + TURN_FEATURES

N_INSTANCE_FEATURES = len(INSTANCE_FEATURES)


@compiled
def observe(state, out):
    """Fill `out` [instances, features] for the turn that is to be routed.

    Every value is in [-1, 1]. Tokens and times are squashed as x / (x + scale).
    """
    world = state.world[0]
    slot = state.slot[world.asked_slot]
    turn = state.turn[slot.turn]
    program = state.program_run[slot.program]
    n = len(state.instance)
    if world.view_period_s == 0.0:
        for i in range(n):
            synchronise(state, i)
    find_seen(state, world.asked_slot)
    most = (slot.target - 1) // world.block_size
    moved = kept_blocks(state, world.asked_slot)
    soonest = 1e300
    fewest = 1e300
    turns = 0.0
    locked = 0.0
    for i in range(n):
        instance = state.seen[i]
        row = out[i]
        cached = min(most, max(int(state.score[i]), moved)) * world.block_size
        uncached = slot.target - cached
        pending = pending_prefill_tokens(state, i)
        own_s = prefill_s(state, i, uncached, cached)
        pending_s = prefill_s(state, i, pending, cached)
        step_s = decode_step_s(state, i, instance.n_decode + 1, instance.kv_tokens + slot.target)
        n_turns = instance.n_waiting + instance.n_running
        pool = state.seen_pool[i]
        locked_share = 1.0 - (pool.capacity - pool.used + pool.idle) / pool.capacity
        row[0] = state.allowed[i]
        row[1] = 1.0 if program.home == i else 0.0
        row[2] = cached / slot.target
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
        if state.allowed[i]:
            soonest = min(soonest, own_s + pending_s)
            fewest = min(fewest, n_turns)
        turns += n_turns
        locked += locked_share
    for i in range(n):
        row = out[i]
        row[14] = signed(row[14] - soonest, 0.3)
        row[13] = squash(row[13], 0.6)
        row[15] = signed(row[15] - fewest, 4.0)
        row[16] = squash(turn.prompt_tokens, 30000.0)
        row[17] = squash(turn.new_tokens, 2000.0)
        row[18] = squash(slot.turn - state.program[slot.program].first_turn, 10.0)
        row[19] = squash(world.now_s - program.arrived_s, 60.0)
        row[20] = 1.0 if program.home != NONE else 0.0
        row[21] = squash(turns / n, 16.0)
        row[22] = locked / n


ROUTE_TURN = question("route_turn", FEATURES, lambda simulator: len(simulator.engines), observe, __file__)
"""One answer an instance."""
