"""The cluster: serving instances and the gateway in front of them."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, Strict, field_validator, model_validator

from agentsim_env.fields.base import (
    Amount,
    Bandwidth,
    BatchedTokens,
    BatchedTurns,
    BlockTokens,
    ContextTokens,
    Gib,
    Gpus,
    Instances,
    Part,
    PositiveGib,
    PositiveNumber,
    PositiveSeconds,
    Seconds,
    Text,
    TimeBetweenFailures,
)
from agentsim_env.fields.problems import not_allowed, not_known
from agentsim_env.limits import MOST_INSTANCES, MOST_PLACES, SHORTEST_PERIOD_S
from agentsim_env.scenario import registries

SIMULATED_MODES = ("mixed", "prefill_first", "prefill", "decode")


class Failure(Part):
    """One outage of an instance: what it computes is lost, its KV is gone, its turns are routed again."""

    at_s: Seconds
    """Time at which the instance fails, from the start of the episode."""

    down_s: PositiveSeconds
    """Time until it is back, with an empty KV cache."""


class Instance(Part):
    """One serving engine, or `count` equal ones: a model on `tp` GPUs with its own queue, batch and KV pool."""

    gpu: Text
    """GPU, by its name in the hardware catalogue."""

    count: Instances = 1
    """How many such instances the cluster has."""

    tp: Gpus = 1
    """Tensor parallelism: GPUs that one instance spreads the model over; it divides the model's heads."""

    dtype: Text = "bf16"
    """Type of weights and activations; a model that is published in a narrower one is served in that."""

    kv_dtype: Text = "auto"
    """Type of the KV cache; `auto`: bf16, whatever the type of the weights."""

    mode: Literal["mixed", "prefill_first", "two_lanes", "prefill", "decode"] = "mixed"
    """How prefills and decodes share the engine: `mixed`, chunks of prefills beside decodes (vLLM v1); `prefill_first`,
    whole prompts that stop the decodes (llama.cpp, vLLM before v1); `prefill` and `decode`, instances that do only one
    of both (DistServe, Mooncake): they come together, with `cluster.peer_link`. `two_lanes` is not simulated yet."""

    engine: Text = "plain"
    """Serving engine and its generation, which say what a step and each of its turns cost beside the kernels: `plain`,
    `vllm-0.11`, `vllm-0.12`, `vllm-0.15`, `vllm-0.19` or `sglang`; see docs/hardware.md."""

    async_scheduling: Annotated[bool, Strict()] | None = None
    """Whether the engine forms an iteration while the one before it is computed, as vLLM does from 0.14 on: a turn that
    joins a batch is computed one iteration later. `null`: as `engine` does; `plain` does not."""

    sampling: Text = "model"
    """How tokens are drawn, which costs time in some engines: `whole`, greedily or from the whole vocabulary; `top_p`
    or `top_k`, from its likeliest; `penalised`, with repetitions penalised too; `model`, as the model's published
    settings have it."""

    interconnect: Text | None = None
    """Link between the GPUs of the instance: `nvlink-3`, `nvlink-4`, `nvlink-5`, `nvlink-5-fused`, `pcie-4`, `pcie-5`,
    `pcie-4-nccl`, `pcie-5-nccl` or `pcie-5-acs`; `null`: the GPU's own. See docs/hardware.md."""

    all_reduce_factor: Annotated[float, Strict(), Field(gt=0, le=100)] = 1.0
    """By how much the all-reduces of the instance are longer than those measured on its link."""

    max_num_seqs: BatchedTurns = 256
    """Turns in the running batch at most."""

    max_num_batched_tokens: BatchedTokens = 2048
    """Token budget of an iteration, at least `max_num_seqs`: a decode takes one, a prefill chunk takes the rest. With
    `prefill_first` as many whole prompts as it holds, or one that is longer."""

    max_model_len_tokens: ContextTokens | None = None
    """Longest context, prompt and output together, that the instance accepts, at most and by default (`null`) what the
    model is made for."""

    gpu_memory_utilization: Annotated[float, Strict(), Field(gt=0, le=1)] = 0.9
    """Share of the GPU's memory that the engine may use; what weights and activations leave of it holds KV."""

    kv_blocks: PositiveNumber | None = None
    """KV blocks of the instance; `null`: as many as the memory holds."""

    start_s: Seconds = 0.0
    """Time at which the instance is ready to serve."""

    failures: Annotated[tuple[Failure, ...], Field(strict=False)] = ()
    """Planned outages in order of time; each of `count` instances has them."""

    mtbf_s: TimeBetweenFailures | None = None
    """Mean time from a start to the next failure, exponential, drawn from the seed; `null`: no random failures."""

    mttr_s: PositiveSeconds | None = None
    """Mean time of an outage, exponential, drawn from the seed; given together with `mtbf_s`."""

    price_per_hour: Amount | None = None
    """US dollars per GPU and hour; `null`: the price in the hardware catalogue."""

    @field_validator("gpu")
    @classmethod
    def _gpu_is_known(cls, gpu: str) -> str:
        return registries.known_gpu(gpu)

    @field_validator("dtype")
    @classmethod
    def _dtype_is_known(cls, dtype: str) -> str:
        return registries.known_weight_dtype(dtype)

    @field_validator("kv_dtype")
    @classmethod
    def _kv_dtype_is_known(cls, kv_dtype: str) -> str:
        return registries.known_kv_dtype(kv_dtype)

    @field_validator("engine")
    @classmethod
    def _engine_is_known(cls, engine: str) -> str:
        return registries.known_engine(engine)

    @field_validator("sampling")
    @classmethod
    def _sampling_is_known(cls, sampling: str) -> str:
        return registries.known_way_of_sampling(sampling)

    @field_validator("interconnect")
    @classmethod
    def _interconnect_is_known(cls, link: str | None) -> str | None:
        return None if link is None else registries.known_interconnect(link)

    @field_validator("mode")
    @classmethod
    def _mode_is_simulated(cls, mode: str) -> str:
        if mode not in SIMULATED_MODES:
            raise not_known("mode (declared, not simulated yet)", mode, SIMULATED_MODES)
        return mode

    @model_validator(mode="after")
    def _budget_holds_batch(self) -> Self:
        if self.max_num_batched_tokens < self.max_num_seqs:
            reason = f"must be at least max_num_seqs ({self.max_num_seqs}): each running turn takes one token"
            raise not_allowed(reason, self.max_num_batched_tokens, ["max_num_batched_tokens"])
        return self

    @model_validator(mode="after")
    def _failures_are_clear(self) -> Self:
        if self.failures and self.failures[0].at_s < self.start_s:
            reason = f"must be at least start_s ({self.start_s:g}): before, it is not up"
            raise not_allowed(reason, self.failures[0].at_s, ["failures", 0, "at_s"])
        for i, (earlier, later) in enumerate(pairwise(self.failures)):
            back_s = earlier.at_s + earlier.down_s
            if later.at_s < back_s:
                reason = f"must be at least {back_s:g}: the outage before it ends then"
                raise not_allowed(reason, later.at_s, ["failures", i + 1, "at_s"])
        if (self.mtbf_s is None) != (self.mttr_s is None):
            missing = "mttr_s" if self.mttr_s is None else "mtbf_s"
            raise not_allowed("mtbf_s and mttr_s go together: give both or neither", None, [missing])
        if self.failures and self.mtbf_s is not None:
            raise not_allowed("give either failures or mtbf_s, not both", self.mtbf_s, ["mtbf_s"])
        return self


class RouterTree(Part):
    """What a cache-aware router believes is cached: an approximate prefix tree per instance, fed by its decisions."""

    capacity_tokens: PositiveNumber = 67_108_864
    """Tokens that the tree of one instance remembers, least recently used first out. Default: SGLang's router."""


class LinkRates(Part):
    """Bandwidth of a link whose directions differ."""

    down: Bandwidth
    """From HBM, 1e9 bytes per second."""

    up: Bandwidth
    """To HBM, 1e9 bytes per second."""


class Tier(Part):
    """A tier below HBM: memory that keeps KV, and the links to it."""

    kind: Literal["dram", "cxl"]
    """`dram`: memory of a host, for its instances; `cxl`: a pool of memory, for the whole cluster or for each host."""

    capacity_gib: PositiveGib
    """Memory for KV: of each host, or of the pool."""

    link_gb_per_s: Bandwidth | LinkRates | None = None
    """Bandwidth of each GPU's link to it, 1e9 bytes per second: one number for both directions, or `down` and `up`; 0:
    nothing moves; `null`: 80 % of the GPU's link to its host, and of 64 for `cxl` (CXL 2.0 over PCIe 5 x16, Beluga)."""

    host_link_gb_per_s: Bandwidth | None = None
    """Bandwidth from each pool of the tier above to this one, 1e9 bytes per second; `null`: 80 % of 64 (`cxl`)."""

    latency_s: Seconds = 10e-6
    """Time of a transfer beside that of its bytes."""

    queue: Literal["fifo", "priority"] = "fifo"
    """Which transfer a link takes next: the first that came, or what a waiting turn needs before what is brought up
    ahead of its use, and this before copies that go down."""

    instances_per_host: PositiveNumber | None = None
    """Instances, in order, that share a host's memory or a pool; `null`: all."""

    watermark: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of a pool that a copy may leave in use; where it would leave more, a batch of idle blocks goes first."""

    batch_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the blocks in use that such a batch has, at least as many as are short. LMCache: 0.2, above a
    `watermark` of 0.8. 0: only as many as are short."""


class PeerLink(Part):
    """Links between instances: what the HBM of another one has of a waiting turn's context is brought over."""

    link_gb_per_s: Bandwidth | None = None
    """Bandwidth at which each GPU gets KV from other instances, 1e9 bytes per second; 0: nothing moves; `null`: 18.75,
    75 % of a 200 Gb/s network adapter for each GPU (measured 71 % on H800, 82 % on H20)."""

    latency_s: Seconds = 1e-3
    """Time of a transfer beside that of its bytes. Measured over RDMA: 0.5-2 ms."""

    queue: Literal["fifo", "priority"] = "fifo"
    """Which transfer a link takes next; see `tiers`."""


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

    @property
    def n_instances(self) -> int:
        """Instances in the cluster, every `count` added up."""
        return sum(instance.count for instance in self.instances)
