"""A serving engine of the cluster."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, Strict, field_validator, model_validator

from agentsim_env.fields.base import (
    Amount,
    BatchedTokens,
    BatchedTurns,
    ContextTokens,
    Gpus,
    Instances,
    Part,
    PositiveAmount,
    PositiveNumber,
    PositiveSeconds,
    Seconds,
    Text,
    TimeBetweenFailures,
)
from agentsim_env.fields.problems import not_allowed
from agentsim_env.scenario import registries
from agentsim_env.scenario.lanes import Lanes


class Failure(Part):
    """One outage of an instance: what it computes is lost, its KV is gone, its turns are routed again."""

    at_s: Seconds
    """Time at which the instance fails, from the start of the episode."""

    down_s: PositiveSeconds
    """Time until it is back, with an empty KV cache."""


class Adapters(Part):
    """Room in HBM for what programs need beside KV: LoRAs, or whole models. Host memory has all of them."""

    slots: PositiveNumber
    """Adapters in HBM at most."""

    rank: PositiveNumber = 64
    """Rank of a LoRA of all linear layers, from which its size follows."""

    bytes: PositiveAmount | None = None
    """Size of each of them, on all GPUs of the instance together; `null`: what follows from `rank`."""


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
    whole prompts that stop the decodes (llama.cpp, vLLM before v1); `two_lanes`, prefills beside decodes on a share
    of the GPU each (AgentServe); `prefill` and `decode`, instances that do only one of both (DistServe, Mooncake): they
    come together, with `cluster.peer_link`."""

    lanes: Lanes | None = None
    """How the GPU is divided with `mode: two_lanes`; `null`: as the defaults of each field say."""

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

    adapters: Adapters | None = None
    """Slots for adapters, which leave less memory for KV; a turn whose program needs one waits until it is there. They
    come over the link from a tier `dram`. `null`: what programs need is taken to be there."""
    shares_gpu: Text | None = None
    """Any name; instances that give the same one are processes on one GPU, or on the same `tp` GPUs. Each computes more
    slowly while others of them do, and has its own weights and the share `gpu_memory_utilization` of the memory, or
    `kv_blocks` as given. `null`: it has its GPUs for itself."""

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

    @model_validator(mode="after")
    def _lanes_belong_to_two(self) -> Self:
        if self.lanes is not None and self.mode != "two_lanes":
            raise not_allowed("goes with mode two_lanes only: no other mode has lanes", self.mode, ["mode"])
        if self.mode == "two_lanes" and self.async_scheduling:
            reason = "must be false with mode two_lanes: its lanes form an iteration when the one before has ended"
            raise not_allowed(reason, self.async_scheduling, ["async_scheduling"])
        if self.mode == "two_lanes" and self.engine != "plain":
            raise not_allowed("must be plain with mode two_lanes: no other engine has lanes", self.engine, ["engine"])
        if self.mode == "two_lanes" and self.shares_gpu is not None:
            reason = "must be null with mode two_lanes: its lanes have the whole GPU between them"
            raise not_allowed(reason, self.shares_gpu, ["shares_gpu"])
        if self.mode == "two_lanes" and self.tp > 1:
            reason = "must be 1 with mode two_lanes: shares of the SMs were measured on one GPU"
            raise not_allowed(reason, self.tp, ["tp"])
        return self

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
