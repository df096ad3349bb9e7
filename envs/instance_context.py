"""What every decision about an instance shows of it, the same in each row."""

from agentsim_env.engine.batch.forecast import decode_step_s
from agentsim_env.engine.batch.look import pending_prefill_tokens
from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.latency.prefill_time import prefill_s
from agentsim_env.envs.scales import squash

INSTANCE_CONTEXT: tuple[str, ...] = (
    "waiting",
    "running",
    "batch_share",
    "locked_share",
    "pinned_share",
    "cached_share",
    "pending_s",
    "decode_step_s",
)
"""Features of the instance that a decision is about."""


@compiled
def observe_instance(state, i, row, at):
    """Fill the columns of a row from `at` on with `INSTANCE_CONTEXT`."""
    instance = state.instance[i]
    pool = state.pool[i]
    row[at] = squash(instance.n_waiting, 4.0)
    row[at + 1] = squash(instance.n_running, 16.0)
    row[at + 2] = instance.n_running / instance.max_num_seqs
    row[at + 3] = (pool.used - pool.idle - pool.pinned) / pool.capacity
    row[at + 4] = pool.pinned / pool.capacity
    row[at + 5] = pool.idle / pool.capacity
    row[at + 6] = squash(prefill_s(state, i, pending_prefill_tokens(state, i), 0), 0.6)
    row[at + 7] = squash(decode_step_s(state, i, instance.n_decode, instance.kv_tokens), 0.02)


@compiled
def repeat(rows, n, at):
    """Copy the columns from `at` on of the first row to the next ones, `n` rows in all."""
    for k in range(1, n):
        rows[k, at:] = rows[0, at:]
