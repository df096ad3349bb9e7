"""What a row says of the engine that it was measured on, where it differs from the engine description."""

from typing import Any, NamedTuple

from agentsim_env.validation.cpu_tier import CpuTier
from agentsim_env.validation.engine_description import EngineDescription
from agentsim_env.validation.problems import ValidationError
from agentsim_env.validation.table import Row

MOST_BLOCKS = (1 << 31) - 1
KV_BLOCKS = ("kv_blocks", "total_kv_blocks")
KV_TOKENS = ("kv_tokens",)
UTILIZATION = ("gpu_memory_utilization", "gpu_mem_util")
CPU_TIER = ("cpu_offload", "cpu_offload_gib")
NO_TIER = ("no", "none", "off", "false", "0")


class RowLimits(NamedTuple):
    """Limits of the engine in one row; `None` leaves what the engine description says.

    Attributes:
        kv_blocks: KV blocks of a replica.
        kv_tokens: The same in tokens.
        max_num_seqs: Most sequences of a step.
        max_num_batched_tokens: Token budget of a step.
        gpu_memory_utilization: Share of the memory that the engine may use.
        cpu_gib: CPU tier below the KV cache; 0: none.
    """

    kv_blocks: int | None = None
    kv_tokens: int | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    gpu_memory_utilization: float | None = None
    cpu_gib: float | None = None

    def of(self, engine: EngineDescription) -> EngineDescription:
        """`engine` with these limits."""
        changes: dict[str, Any] = {
            name: value
            for name in ("kv_blocks", "max_num_seqs", "max_num_batched_tokens", "gpu_memory_utilization")
            if (value := getattr(self, name)) is not None
        }
        if self.kv_tokens is not None:
            changes["kv_blocks"] = max(1, self.kv_tokens // engine.block_size_tokens)
        if self.cpu_gib is not None:
            tier = engine.cpu_tier or CpuTier(capacity_gib=1.0)
            changes["cpu_tier"] = tier.model_copy(update={"capacity_gib": self.cpu_gib}) if self.cpu_gib else None
        return engine.model_copy(update=changes) if changes else engine


def row_limits(row: Row) -> RowLimits:
    """The limits that a row tells.

    Raises:
        ValidationError: A cell is not a number, or two columns contradict each other.
    """
    return RowLimits(
        kv_blocks=_count(row, KV_BLOCKS, MOST_BLOCKS),
        kv_tokens=_count(row, KV_TOKENS, MOST_BLOCKS),
        max_num_seqs=_count(row, ("max_num_seqs",), 1 << 20),
        max_num_batched_tokens=_count(row, ("max_num_batched_tokens",), 1 << 24),
        gpu_memory_utilization=_share(row),
        cpu_gib=_cpu_gib(row),
    )


def _count(row: Row, names: tuple[str, ...], most: int) -> int | None:
    given = [name for name in names if row.has(name)]
    if not given:
        return None
    counts = {row.count(name, most) for name in given}
    if len(counts) > 1:
        raise ValidationError(f"{row.where}: {given[0]} and {given[1]} contradict each other")
    return counts.pop()


def _share(row: Row) -> float | None:
    name = next((name for name in UTILIZATION if row.has(name)), None)
    if name is None:
        return None
    value = row.number(name, 0.01)
    if value > 1:
        raise ValidationError(f"{row.where}: {name} is {value:g}; must be at most 1")
    return value


def _cpu_gib(row: Row) -> float | None:
    name = next((name for name in CPU_TIER if row.has(name)), None)
    if name is None:
        return None
    if row.text(name).lower() in NO_TIER:
        return 0.0
    return row.number(name, 0.0, 1e6)
