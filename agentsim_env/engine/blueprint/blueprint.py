"""What a simulation is made of, whatever its workload: engines, tiers, links, rules and objectives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from agentsim_env.engine.blueprint.latency_rows import LatencyRows, latency_rows
from agentsim_env.engine.core.decisions import DECISIONS
from agentsim_env.engine.core.policies import Policy
from agentsim_env.engine.core.rule import Rule
from agentsim_env.engine.longest_context import held_tokens
from agentsim_env.engine.tables import TABLES

PIN_GRID_S = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Lengths of a pin that an agent may choose from: around the gaps of tools."""


class EngineLike(Protocol):
    """What the engine needs of a serving engine (`agentsim_env.hardware.engines.Engine`)."""

    profile: Any
    kv_blocks: int
    max_num_seqs: int
    max_num_batched_tokens: int
    max_model_len_tokens: int
    start_s: float
    kv_bytes_per_token: float
    mode: str
    async_scheduling: bool
    adapter_slots: int
    adapter_bytes: float
    shares_gpu: str | None
    lanes: Any


class Tier(NamedTuple):
    """A tier below HBM.

    Attributes:
        kind: `dram`, of a host, or `cxl`, a pool of memory.
        blocks: Capacity of each of its pools.
        pool_of: Pool of each instance, counted from 0: its host, or 0 for all.
        down_bytes_per_s: Bandwidth from an instance to it, one for all or one each.
        up_bytes_per_s: Bandwidth from it to an instance, likewise.
        latency_s: Of each transfer.
        from_above_bytes_per_s: Bandwidth from a pool of the tier above to it.
        queue: Which transfer its links take next: `fifo`; `priority`, the most urgent; or `distance`, likewise, and of
            what is brought up ahead of its use that with the smallest invocation distance.
        interrupt_layers: What is brought up ahead of its use gives way to what a turn waits for at the end of the layer
            in flight, of so many; 0: it does not.
        watermark: Share of a pool that a copy may leave in use without a batch of idle blocks going first.
        batch_share: Share of the blocks in use that such a batch has; 0: only as many go as are short.
    """

    kind: str
    blocks: int
    pool_of: Sequence[int]
    down_bytes_per_s: float | Sequence[float]
    up_bytes_per_s: float | Sequence[float]
    latency_s: float = 0.0
    from_above_bytes_per_s: float = 0.0
    queue: str = "fifo"
    interrupt_layers: int = 0
    watermark: float = 1.0
    batch_share: float = 0.0


class Peer(NamedTuple):
    """Links between the instances.

    Attributes:
        bytes_per_s: Bandwidth of the link over which an instance gets KV from others, one for all or one each.
        latency_s: Of each transfer.
        queue: Which transfer the links take next: `fifo`, or `priority`, the most urgent, as does `distance`.
    """

    bytes_per_s: float | Sequence[float]
    latency_s: float = 0.0
    queue: str = "fifo"


@dataclass(frozen=True)
class Blueprint:
    """Everything of a simulation that does not depend on the workload; names are those of a scenario where it has one.

    Attributes:
        engines: One per instance; see `EngineLike`.
        block_size: Tokens in a KV block.
        frontend_s: Gateway delay of a turn.
        view_delay_s: How often the router's view of the instances is refreshed; 0: it is always fresh.
        router_tree_tokens: Tokens that the router remembers per instance, for rules that keep a tree.
        time_limit_s: Where episodes are truncated.
        warmup_programs: Programs that are not counted and that the rules answer for.
        rules: Rule of each decision kind that is not left to its default.
        rule_params: Parameters of those rules, where they differ from the default.
        agent_kinds: Kinds that are answered from outside.
        policies: Trained policies that answer further kinds, where an agent would be asked.
        advice: Who is asked is shown what the rule would answer.
        control_period_s: Time between control ticks, where no rule has its own.
        candidates: Candidates of a decision at most, where their number is not fixed.
        pin_grid_s: How long an agent may pin what a turn leaves.
        token_seconds: Add up what KV blocks are held for.
        slo_ttft_s: Objective for the TTFT of a turn.
        slo_tpot_s: Objective for its mean time per output token after the first.
        tiers: Tiers below HBM, the upper one first.
        write_policy: When KV is copied to the tiers on its own: `none`, `write_through` or `write_back`.
        staging_bytes: Of each pool, for what is written back.
        peer: Links between instances, if there are any.
        transfers: `overlap`: instances compute while KV is moved; `serialized`: their next iteration waits for it.
        eviction: What goes when blocks are needed: `blocks`, as many as are short, or `objects`, a whole segment.
        context_switch_s: An iteration that begins while others of its GPU work takes so much longer.
    """

    engines: Sequence[Any]
    block_size: int = 16
    frontend_s: float = 0.0
    view_delay_s: float = 0.0
    router_tree_tokens: int = 67_108_864
    time_limit_s: float = float("inf")
    warmup_programs: int = 0
    rules: Mapping[str, str] = field(default_factory=dict)
    rule_params: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    agent_kinds: Sequence[str] = ()
    policies: Mapping[str, Policy] = field(default_factory=dict)
    advice: bool = False
    control_period_s: float = 1.0
    candidates: int = 16
    pin_grid_s: Sequence[float] = PIN_GRID_S
    token_seconds: bool = False
    slo_ttft_s: float = float("inf")
    slo_tpot_s: float = float("inf")
    tiers: Sequence[Tier] = ()
    write_policy: str = "write_through"
    staging_bytes: float = 4 * 2**30
    peer: Peer | None = None
    transfers: str = "overlap"
    eviction: str = "blocks"
    context_switch_s: float = 0.0

    def rule_of(self, kind: str) -> str:
        """Name of the rule that answers a kind of decision."""
        return self.rules.get(kind, DECISIONS[kind].default)

    def row_of(self, kind: str) -> Rule:
        """The same rule, as it stands in its table."""
        return TABLES[kind][self.rule_of(kind)]

    def parameters_of(self, kind: str) -> dict[str, float]:
        """Parameters of the rule that answers a kind of decision."""
        return {**self.row_of(kind).parameters, **self.rule_params.get(kind, {})}

    def decides(self, kind: str) -> bool:
        """Whether more than the default rule answers a kind of decision: another one, or somebody outside."""
        return self.rule_of(kind) != DECISIONS[kind].default or kind in self.asked_kinds

    @property
    def asked_kinds(self) -> tuple[str, ...]:
        """Kinds that are not left to rules: those of agents outside and of trained policies."""
        return (*self.agent_kinds, *self.policies)

    @property
    def attributes_prefixes(self) -> bool:
        """Whether the admission rule counts what programs share in another way than for each of them."""
        return self.parameters_of("admit_program").get("attribution", 0.0) != 0.0

    @property
    def lists_holders(self) -> bool:
        """Whether somebody may look which pools hold a segment."""
        looks = not self.row_of("route_turn").blind or self.view_delay_s > 0
        return looks or bool(self.asked_kinds) or self.peer is not None

    @property
    def prefetches(self) -> bool:
        """Whether somebody is asked what to bring up ahead of its use."""
        return bool(self.tiers) and self.decides("prefetch_kv")

    @property
    def has_lanes(self) -> bool:
        """Whether an instance has two lanes."""
        return any(engine.mode == "two_lanes" for engine in self.engines)

    @property
    def sets_budgets(self) -> bool:
        """Whether somebody sets budgets of instances with two lanes."""
        return self.has_lanes and self.decides("set_prefill_budget")

    @property
    def slots(self) -> int:
        """Slots of an instance with two lanes, which are alike in that; 1 if there is none."""
        return max((engine.lanes.slots for engine in self.engines if engine.mode == "two_lanes"), default=1)

    @property
    def budget_grid_tokens(self) -> Sequence[int]:
        """Budgets that an agent may choose from."""
        grids = (engine.lanes.budget_grid_tokens for engine in self.engines if engine.mode == "two_lanes")
        return next(grids, (0,))

    @property
    def block_bytes(self) -> float:
        """KV of one block; alike for all engines where they exchange any."""
        return self.engines[0].kv_bytes_per_token * self.block_size

    @cached_property
    def latency(self) -> LatencyRows:
        """Latency of the iterations of all instances; all states share it."""
        max_tokens = max(engine.max_num_batched_tokens for engine in self.engines)
        if any(engine.mode == "prefill_first" for engine in self.engines):
            # A whole prompt may be above the budget of an iteration.
            max_tokens = max(max_tokens, *(held_tokens(engine, self.block_size) for engine in self.engines))
        max_seqs = max(engine.max_num_seqs for engine in self.engines)
        return latency_rows([engine.profile for engine in self.engines], max_tokens, max_seqs)
