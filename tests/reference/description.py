"""What the reference simulator is told about a cluster (docs/semantics.md speaks of instances and their limits)."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Tables of the latency form; a knot list and its value lists have equal lengths. All times in seconds."""

    dense_tokens: Sequence[float]
    dense_s: Sequence[float]
    seq_n: Sequence[float]
    seq_s: Sequence[float]
    dec_n: Sequence[float]
    pure_a_s: Sequence[float]
    pure_b_s: Sequence[float]
    mixed_a_s: Sequence[float]
    mixed_b_s: Sequence[float]
    pre_c: Sequence[float]
    pre_a_s: Sequence[float]
    pre_b_s: Sequence[float]
    overhead_s: float = 0.0
    chunk_overhead_s: float = 0.0
    cpu_s: float = 0.0
    cpu_per_seq_s: float = 0.0
    cpu_per_token_s: float = 0.0
    serial_pure_s: float = 0.0
    serial_mixed_s: float = 0.0


def constant_profile(**scalars: float) -> Profile:
    """A profile whose tables are all zero: only the given overhead and floors take time."""
    knots = ("dense_tokens", "seq_n", "dec_n", "pre_c")
    values = ("dense_s", "seq_s", "pure_a_s", "pure_b_s", "mixed_a_s", "mixed_b_s", "pre_a_s", "pre_b_s")
    return Profile(**dict.fromkeys(knots, (1.0,)), **dict.fromkeys(values, (0.0,)), **scalars)  # type: ignore[arg-type]


@dataclass(frozen=True)
class TierSpec:
    """A tier below HBM: `dram` or `cxl`, blocks of each pool, the pool of each instance, and its links.

    Above `watermark` of its blocks a pool gives up `batch_share` of what it has in use.
    """

    kind: str
    blocks: int
    pool_of: tuple[int, ...]
    down_bytes_per_s: float
    up_bytes_per_s: float
    latency_s: float
    from_above_bytes_per_s: float = 0.0
    queue: str = "fifo"
    watermark: float = 1.0
    batch_share: float = 0.0


@dataclass(frozen=True)
class MemorySpec:
    """The tiers, `dram` before `cxl`, and when copies are made: `none`, `write_through` or `write_back`.

    Attributes:
        peer: The link of each instance to the others (its `up_bytes_per_s`); None for none.
    """

    tiers: tuple[TierSpec, ...]
    block_bytes: float
    write_policy: str = "write_through"
    staging_blocks: int = 0
    peer: TierSpec | None = None
    transfers: str = "overlap"

    @property
    def writes_back(self) -> bool:
        """Whether what is evicted is copied down."""
        return self.write_policy == "write_back" and any(tier.down_bytes_per_s > 0 for tier in self.tiers)


@dataclass(frozen=True)
class InstanceSpec:
    """One instance: limits, latency, when it first comes up, its outages as (start, length) in seconds, and its mode.

    With `async_scheduling` turns join its batch one iteration ahead.

    Outages do not overlap and none begins before `start_s`.
    """

    capacity_blocks: int
    max_num_seqs: int
    max_num_batched_tokens: int
    max_model_len: int
    profile: Profile
    start_s: float = 0.0
    failures: tuple[tuple[float, float], ...] = ()
    mode: str = "mixed"
    async_scheduling: bool = False

    def __post_init__(self) -> None:
        # vLLM demands it too: decodes take their token without asking the budget.
        if self.max_num_seqs > self.max_num_batched_tokens:
            raise ValueError("max_num_seqs must not exceed max_num_batched_tokens")
