"""What a router sees: one row per instance, the features of the turn repeated in each."""

from agentsim_env.engine.batch.forecast import decode_step_s
from agentsim_env.engine.batch.look import find_seen, pending_prefill_tokens
from agentsim_env.engine.batch.runs import synchronise
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.state import NONE
from agentsim_env.engine.eviction.prefix_lookup import kept_blocks
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.envs.feature import FeatureTable
from agentsim_env.envs.question import question
from agentsim_env.envs.scales import signed, squash

FEATURES = FeatureTable()

# Of an instance, for the turn that is to be routed.
ALLOWED = FEATURES.flag("allowed", "the instance can take the turn")
IS_HOME = FEATURES.flag("is_home", "it served the program's last turn")
HIT_SHARE = FEATURES.share("hit_share", "share of the prompt that its KV cache holds")
UNCACHED_TOKENS = FEATURES.amount("uncached_tokens", "prompt tokens that it would have to compute", 4000.0)
PREFILL_S = FEATURES.amount("prefill_s", "time to compute them alone", 0.3, "s")
WAITING = FEATURES.amount("waiting", "turns in its queue", 4.0)
RUNNING = FEATURES.amount("running", "turns in its batch", 16.0)
PENDING_TOKENS = FEATURES.amount("pending_tokens", "prefill tokens that its turns still need, as expected", 8000.0)
PENDING_S = FEATURES.amount("pending_s", "time to compute them", 0.6, "s")
CONTEXT_TOKENS = FEATURES.amount("context_tokens", "context of its waiting and running turns", 400000.0)
LOCKED_SHARE = FEATURES.share("locked_share", "share of its KV blocks that are in use")
CACHED_SHARE = FEATURES.share("cached_share", "share of its KV blocks that hold idle cache")
DECODE_STEP_S = FEATURES.amount("decode_step_s", "time of a decode iteration with this turn in the batch", 0.02, "s")
FIRST_TOKEN_S = FEATURES.amount("first_token_s", "pending_s + prefill_s", 0.6, "s")
FIRST_TOKEN_RANK = FEATURES.difference("first_token_rank", "the same above the best allowed instance", 0.3, "s")
TURNS_RANK = FEATURES.difference("turns_rank", "waiting + running above the least loaded allowed instance", 4.0)

# Of the turn and its program, the same in each row.
TURN_AT = len(FEATURES)
PROMPT_TOKENS = FEATURES.amount("prompt_tokens", "prompt of the turn", 30000.0)
NEW_TOKENS = FEATURES.amount("new_tokens", "its tokens that no earlier turn brought", 2000.0)
TURNS_DONE = FEATURES.amount("turns_done", "number of the turn in its program", 10.0)
AGE_S = FEATURES.amount("age_s", "time since the program arrived", 60.0, "s")
HAS_HOME = FEATURES.flag("has_home", "the program had a turn before")

# Of the cluster, likewise.
CLUSTER_AT = len(FEATURES)
CLUSTER_TURNS = FEATURES.amount("cluster_turns", "waiting and running turns per instance", 16.0)
CLUSTER_LOCKED_SHARE = FEATURES.share("cluster_locked_share", "mean locked_share")

SCALE = FEATURES.scales


@compiled
def observe(state, out):
    """Fill `out` [instances, features] for the turn that is to be routed, or with the instances alone.

    Rows beyond the instances, which a larger cluster of the same environment has, are 0.
    """
    world = state.world[0]
    s = world.asked_slot
    out[:, TURN_AT:] = 0.0
    out[len(state.instance) :] = 0.0
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
        for column in range(TURN_AT, CLUSTER_AT):
            out[i, column] = out[0, column]


@compiled
def _observe_turn(state, t, p, row):
    """The turn that is to be routed and its program."""
    turn = state.turn[t]
    program = state.program_run[p]
    row[PROMPT_TOKENS] = squash(turn.prompt_tokens, SCALE[PROMPT_TOKENS])
    row[NEW_TOKENS] = squash(turn.new_tokens, SCALE[NEW_TOKENS])
    row[TURNS_DONE] = squash(t - state.program[p].first_turn, SCALE[TURNS_DONE])
    row[AGE_S] = squash(state.world[0].now_s - program.arrived_s, SCALE[AGE_S])
    row[HAS_HOME] = 1.0 if program.home != NONE else 0.0


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
        row[ALLOWED] = state.allowed[i]
        row[IS_HOME] = 1.0 if home == i else 0.0
        row[HIT_SHARE] = cached / max(1, tokens)
        row[UNCACHED_TOKENS] = squash(uncached, SCALE[UNCACHED_TOKENS])
        row[PREFILL_S] = squash(own_s, SCALE[PREFILL_S])
        row[WAITING] = squash(instance.n_waiting, SCALE[WAITING])
        row[RUNNING] = squash(instance.n_running, SCALE[RUNNING])
        row[PENDING_TOKENS] = squash(pending, SCALE[PENDING_TOKENS])
        row[PENDING_S] = squash(pending_s, SCALE[PENDING_S])
        row[CONTEXT_TOKENS] = squash(instance.outstanding_tokens, SCALE[CONTEXT_TOKENS])
        row[LOCKED_SHARE] = locked_share
        row[CACHED_SHARE] = pool.idle / pool.capacity
        row[DECODE_STEP_S] = squash(step_s, SCALE[DECODE_STEP_S])
        row[FIRST_TOKEN_S] = own_s + pending_s
        row[FIRST_TOKEN_RANK] = own_s + pending_s
        row[TURNS_RANK] = n_turns
        if state.allowed[i] or not is_turn:
            soonest = min(soonest, own_s + pending_s)
            fewest = min(fewest, n_turns)
        turns += n_turns
        locked += locked_share
    for i in range(n):
        row = out[i]
        row[FIRST_TOKEN_RANK] = signed(row[FIRST_TOKEN_RANK] - soonest, SCALE[FIRST_TOKEN_RANK])
        row[FIRST_TOKEN_S] = squash(row[FIRST_TOKEN_S], SCALE[FIRST_TOKEN_S])
        row[TURNS_RANK] = signed(row[TURNS_RANK] - fewest, SCALE[TURNS_RANK])
        row[CLUSTER_TURNS] = squash(turns / n, SCALE[CLUSTER_TURNS])
        row[CLUSTER_LOCKED_SHARE] = locked / n


ROUTE_TURN = question("route_turn", FEATURES, observe, __file__)
"""One answer per instance."""
