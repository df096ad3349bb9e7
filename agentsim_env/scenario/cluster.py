"""The cluster: serving instances and the gateway in front of them."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from agentsim_env.fields.base import BlockTokens, Gib, Part, PositiveNumber, Seconds, Text
from agentsim_env.fields.problems import not_allowed
from agentsim_env.limits import MOST_INSTANCES, MOST_PLACES, SHORTEST_PERIOD_S
from agentsim_env.scenario import registries
from agentsim_env.scenario.instance import Instance
from agentsim_env.scenario.lanes import Lanes
from agentsim_env.scenario.shared_gpus import check_shared_gpus
from agentsim_env.scenario.tiers import PeerLink, Tier


class RouterTree(Part):
    """What a cache-aware router believes is cached: an approximate prefix tree per instance, fed by its decisions."""

    capacity_tokens: PositiveNumber = 67_108_864
    """Tokens that the tree of one instance remembers, least recently used first out. Default: SGLang's router."""


class Cluster(Part):
    """The model that is served, the instances that serve it and the gateway in front of them."""

    model: Text
    """Model, by its name in the hardware catalogue, or by the path of its `config.json`, relative to the scenario's
    file; in an override, to the working directory."""

    instances: Annotated[tuple[Instance, ...], Field(min_length=1, strict=False)]
    """Instances, or groups of equal ones."""

    block_size_tokens: BlockTokens = 16
    """Tokens in a KV block. Default: vLLM's."""

    frontend_s: Seconds = 0.010
    """Time that a ready turn spends in the gateway (tokenising) before it is routed. Measured in TTFT: 8-15 ms."""

    view_delay_s: Seconds = 0.0
    """How often the router's view of the instances, metrics and caches, is refreshed. 0: always fresh."""

    tiers: Annotated[tuple[Tier, ...], Field(max_length=2, strict=False)] = ()
    """Memory below HBM, `dram` before `cxl`: what is there of a turn's context is brought up when it is asked for."""

    write_policy: Literal["write_through", "write_back", "none"] = "write_through"
    """When KV is copied to the tiers on its own: to all of them when a turn ends; to the first when HBM evicts it, and
    from there to the second when the first does; or never: then only what rules and agents send down is copied."""

    staging_gib: Gib = 4.0
    """Memory of each instance, and of each pool that evicts into another, for what is written back and waits for its
    link; what finds it full is dropped."""

    peer_link: PeerLink | None = None
    """Links between instances; `null`: none."""

    context_switch_s: Seconds = 0.0
    """Where instances share a GPU (`shares_gpu`), an iteration that begins while others work takes so much longer."""

    transfers: Literal["overlap", "serialized"] = "overlap"
    """Whether instances compute while KV is moved, or wait: then a transfer takes effect at once, and its time is added
    before the next iteration of the instance that it is for, as in AgentServeSim."""

    eviction: Literal["blocks", "objects"] = "blocks"
    """What goes at a time when blocks are needed: as many as are short, from the tail of a segment; or all of it."""

    router_tree: RouterTree = RouterTree()
    """The router's own idea of the caches."""

    @field_validator("model")
    @classmethod
    def _model_is_known(cls, model: str) -> str:
        return registries.known_model(model)

    @field_validator("view_delay_s")
    @classmethod
    def _views_come_in_time(cls, delay_s: float) -> float:
        if 0.0 < delay_s < SHORTEST_PERIOD_S:
            reason = f"must be 0, or at least {SHORTEST_PERIOD_S:g} s: metrics are sent once in that time"
            raise not_allowed(reason, delay_s, [])
        return delay_s

    @model_validator(mode="after")
    def _instances_fit_memory(self) -> Self:
        n = self.n_instances
        if n > MOST_INSTANCES:
            reason = f"must be at most {MOST_INSTANCES:,} instances together: routers look at each for each turn"
            raise not_allowed(reason, n, ["instances"])
        most_seqs = max(instance.max_num_seqs for instance in self.instances)
        if n * most_seqs > MOST_PLACES:
            reason = f"must be at most {MOST_PLACES // n:,} on {n:,} instances: each place in a batch takes memory"
            largest = [instance.max_num_seqs for instance in self.instances].index(most_seqs)
            raise not_allowed(reason, most_seqs, ["instances", largest, "max_num_seqs"])
        if n * self.block_size_tokens > MOST_PLACES:
            reason = f"must be at most {MOST_PLACES // n:,} with {n:,} instances: each has a counter for each of them"
            raise not_allowed(reason, self.block_size_tokens, ["block_size_tokens"])
        return self

    @model_validator(mode="after")
    def _engines_start(self) -> Self:
        most = registries.longest_context_tokens(self.model)
        for i, instance in enumerate(self.instances):
            undivided = registries.undivided(self.model, instance.tp)
            if undivided is not None:
                raise not_allowed(undivided, instance.tp, ["instances", i, "tp"])
            if instance.max_model_len_tokens is not None and instance.max_model_len_tokens > most:
                reason = f"must be at most {most}: {self.model} is made for no longer contexts"
                raise not_allowed(reason, instance.max_model_len_tokens, ["instances", i, "max_model_len_tokens"])
        return self

    @model_validator(mode="after")
    def _tiers_are_in_order(self) -> Self:
        kinds = [tier.kind for tier in self.tiers]
        if kinds not in (["dram", "cxl"], ["dram"], ["cxl"], []):
            raise not_allowed("one tier of a kind at most, dram before cxl", kinds, ["tiers"])
        return self

    @model_validator(mode="after")
    def _links_can_be_interrupted(self) -> Self:
        for i, tier in enumerate(self.tiers):
            if tier.interrupt and self.transfers == "serialized":
                reason = "must be false with transfers: serialized, where nothing is on a link for any time"
                raise not_allowed(reason, tier.interrupt, ["tiers", i, "interrupt"])
        return self

    @model_validator(mode="after")
    def _adapters_have_a_way_up(self) -> Self:
        kinds = [tier.kind for tier in self.tiers]
        for i, instance in enumerate(self.instances):
            if instance.adapters is not None and "dram" not in kinds:
                reason = f"must have one of kind dram: adapters of instances.{i} come from host memory, over its link"
                raise not_allowed(reason, kinds, ["tiers"])
        return self

    @model_validator(mode="after")
    def _hosts_have_one_pool(self) -> Self:
        if len(self.tiers) == 2:
            upper, lower = (tier.instances_per_host or self.n_instances for tier in self.tiers)
            if lower % upper and lower < self.n_instances:
                reason = f"must be a multiple of {upper}: all instances of a host share one pool of the tier below"
                raise not_allowed(reason, lower, ["tiers", 1, "instances_per_host"])
        return self

    @model_validator(mode="after")
    def _pools_belong_together(self) -> Self:
        modes = [instance.mode for instance in self.instances]
        for one, other in (("prefill", "decode"), ("decode", "prefill")):
            if one in modes and other not in modes:
                reason = f"instances of mode {one} need others of mode {other}: each does half of the work of a turn"
                raise not_allowed(reason, one, ["instances", modes.index(one), "mode"])
        if "prefill" in modes and self.peer_link is None:
            reason = "must be given where prefill and decode are apart: KV moves over it"
            raise not_allowed(reason, None, ["peer_link"])
        return self

    @model_validator(mode="after")
    def _gpus_are_shared_by_alike(self) -> Self:
        check_shared_gpus(self.instances)
        if self.context_switch_s > 0 and all(instance.shares_gpu is None for instance in self.instances):
            reason = "must be 0 where no instances share a GPU (instances.*.shares_gpu)"
            raise not_allowed(reason, self.context_switch_s, ["context_switch_s"])
        return self

    @model_validator(mode="after")
    def _lanes_offer_the_same(self) -> Self:
        lanes = [instance.lanes or Lanes() if instance.mode == "two_lanes" else None for instance in self.instances]
        first = next((given for given in lanes if given is not None), None)
        for i, given in enumerate(lanes):
            for name in ("slots", "budget_grid_tokens"):
                if given is not None and getattr(given, name) != getattr(first, name):
                    reason = f"must be {getattr(first, name)}, as on the first instance with two lanes: of these are"
                    reason += " the answers of set_prefill_budget made"
                    raise not_allowed(reason, getattr(given, name), ["instances", i, "lanes", name])
        return self

    @property
    def n_instances(self) -> int:
        """Instances in the cluster, every `count` added up."""
        return sum(instance.count for instance in self.instances)
