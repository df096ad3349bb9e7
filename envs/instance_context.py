"""What every decision about an instance shows of it, the same in each row."""

from agentsim_env.engine.batch.forecast import decode_step_s
from agentsim_env.engine.batch.look import pending_prefill_tokens
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.envs.feature import FeatureTable
from agentsim_env.envs.scales import squash

INSTANCE_CONTEXT = FeatureTable()
"""Features of the instance that a decision is about; the columns are counted from the first of them."""

WAITING = INSTANCE_CONTEXT.amount("waiting", "turns in the instance's queue", 4.0)
RUNNING = INSTANCE_CONTEXT.amount("running", "turns in its batch", 16.0)
BATCH_SHARE = INSTANCE_CONTEXT.share("batch_share", "share of its batch that is taken")
LOCKED_SHARE = INSTANCE_CONTEXT.share("locked_share", "share of its KV blocks that are in use")
PINNED_SHARE = INSTANCE_CONTEXT.share("pinned_share", "share that is pinned and not in use")
CACHED_SHARE = INSTANCE_CONTEXT.share("cached_share", "share of its KV blocks that hold idle cache")
PENDING_S = INSTANCE_CONTEXT.amount("pending_s", "time to compute its pending prefills", 0.6, "s")
DECODE_STEP_S = INSTANCE_CONTEXT.amount("decode_step_s", "time of a decode iteration of its batch", 0.02, "s")

SCALE = INSTANCE_CONTEXT.scales


@compiled
def observe_instance(state, i, row):
    """Fill the part of a row that `INSTANCE_CONTEXT` describes."""
    instance = state.instance[i]
    pool = state.pool[i]
    pending_s = prefill_s(state, i, pending_prefill_tokens(state, i), 0)
    step_s = decode_step_s(state, i, instance.n_decode, instance.kv_tokens)
    row[WAITING] = squash(instance.n_waiting, SCALE[WAITING])
    row[RUNNING] = squash(instance.n_running, SCALE[RUNNING])
    row[BATCH_SHARE] = instance.n_running / instance.max_num_seqs
    row[LOCKED_SHARE] = (pool.used - pool.idle - pool.pinned) / pool.capacity
    row[PINNED_SHARE] = pool.pinned / pool.capacity
    row[CACHED_SHARE] = pool.idle / pool.capacity
    row[PENDING_S] = squash(pending_s, SCALE[PENDING_S])
    row[DECODE_STEP_S] = squash(step_s, SCALE[DECODE_STEP_S])


@compiled
def repeat(rows, n, at):
    """Copy the columns from `at` on of the first row to the next ones, `n` rows in all."""
    for k in range(1, n):
        for column in range(at, rows.shape[1]):
            rows[k, column] = rows[0, column]
