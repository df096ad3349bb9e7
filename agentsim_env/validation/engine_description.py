"""The engine that a run was measured on, as one YAML file."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pydantic
import yaml

from agentsim_env.hardware import Engine
from agentsim_env.hardware.all_reduce import known_link
from agentsim_env.hardware.catalog import find_gpu, find_model
from agentsim_env.hardware.dtypes import kv_dtype, weight_dtype
from agentsim_env.hardware.engine_profiles import EngineProfile, find_engine, with_engine
from agentsim_env.hardware.engines import longest_context
from agentsim_env.hardware.interconnect import doubt_pcie, with_interconnect
from agentsim_env.hardware.kv_capacity import kv_blocks
from agentsim_env.hardware.library import find_profile, load
from agentsim_env.hardware.profile import Profile
from agentsim_env.hardware.sampling import known_sampling
from agentsim_env.hardware.tensor_parallel import check_tp
from agentsim_env.scenario.strict_yaml import parse
from agentsim_env.validation.cpu_tier import CpuTier
from agentsim_env.validation.lockstep import merged
from agentsim_env.validation.problems import ValidationError

SHIPPED = Path(__file__).parent / "engines"
CAPTURED_TOKENS = 512  # of the largest graph that vLLM captures by default


class Constants(pydantic.BaseModel):
    """What the engine adds to the kernels of a step; `None` leaves what the profile, or the named engine, has.

    Attributes:
        step_s: Seconds of every step.
        sequence_s: Seconds of every step for each of its sequences: input preparation, output.
        chunk_s: Seconds more of every step that holds a prefill chunk.
        eager_s: Least seconds that the dense layers of a step take that no CUDA graph covers, having more tokens than
            `CAPTURED_TOKENS`: the CPU launches each kernel.
        eager_doubling_s: By how much that is more for each doubling of the ranks, which wait for the slowest of them.
        dense_factor: Factor on the time of the dense layers, for products that no table has.
        chosen_on: The run or the table that these numbers were chosen on.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    step_s: float | None = pydantic.Field(default=None, ge=0, le=3600)
    sequence_s: float | None = pydantic.Field(default=None, ge=0, le=3600)
    chunk_s: float | None = pydantic.Field(default=None, ge=0, le=3600)
    eager_s: float = pydantic.Field(default=0.0, ge=0, le=3600)
    eager_doubling_s: float = pydantic.Field(default=0.0, ge=0, le=3600)
    dense_factor: float = pydantic.Field(default=1.0, gt=0, le=1e6)
    chosen_on: str = "nothing"


class EngineDescription(pydantic.BaseModel):
    """One serving engine.

    Attributes:
        gpu: A GPU of `gpus.yaml`.
        model: A model of `models.yaml`, or the path of its `config.json`.
        tp: Tensor-parallel ranks; of a list, each row of the measurements names its own.
        dtype: Format of the weights.
        kv_dtype: Format of the KV cache.
        replicas: Data-parallel replicas; requests go to them in turn.
        expert_parallel: The replicas share their experts, and so step together (see `lockstep`).
        engine: Engine and its generation, of `hardware/engine_profiles.yaml`.
        async_scheduling: It schedules a step while the one before it runs; `None`: as `engine` does.
        sampling: How tokens are drawn (`hardware/sampling.py`); `model`: as the model's published settings have it.
        interconnect: Link between the ranks, of `hardware/all_reduce.yaml`; `None`: the GPU's own.
        all_reduce_factor: By how much all-reduces are longer than those measured on the link.
        max_num_seqs: Most sequences of a step, per replica.
        max_num_batched_tokens: Token budget of a step, per replica.
        max_model_len_tokens: Longest prompt and output; by default the model's.
        kv_blocks: KV blocks of a replica; by default computed from the memory.
        gpu_memory_utilization: Share of the memory that the engine may use.
        block_size_tokens: Tokens in a block.
        frontend_s: Seconds from the client to the queue of the engine; part of TTFT.
        frontend_token_s: Seconds of that for each token of the prompt: chat template and tokenizer.
        cpu_tier: Memory of the host below the KV cache, if it is used.
        profile: Latency profile (YAML) in the place of the shipped one; relative to this file.
        constants: What the engine adds to its kernels.
        rows: Which rows of a file are this engine's, by column; replaces the matching of GPU, model, tp and dtype.
        notes: Free text.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    gpu: str
    model: str
    tp: int | list[int] = 1
    dtype: str = "bf16"
    kv_dtype: str = "bf16"
    replicas: int = pydantic.Field(default=1, ge=1, le=4096)
    expert_parallel: bool = False
    engine: str = "plain"
    async_scheduling: bool | None = None
    sampling: str = "model"
    interconnect: str | None = None
    all_reduce_factor: float = pydantic.Field(default=1.0, gt=0, le=100)
    max_num_seqs: int = pydantic.Field(default=256, ge=1, le=1 << 20)
    max_num_batched_tokens: int = pydantic.Field(default=2048, ge=1, le=1 << 24)
    max_model_len_tokens: int | None = pydantic.Field(default=None, ge=1, le=1 << 30)
    kv_blocks: int | None = pydantic.Field(default=None, ge=1, le=(1 << 31) - 1)
    gpu_memory_utilization: float = pydantic.Field(default=0.9, gt=0, le=1)
    block_size_tokens: int = pydantic.Field(default=16, ge=1, le=1 << 16)
    frontend_s: float = pydantic.Field(default=0.0, ge=0, le=3600)
    frontend_token_s: float = pydantic.Field(default=0.0, ge=0, le=1)
    cpu_tier: CpuTier | None = None
    profile: Path | None = None
    constants: Constants = Constants()
    rows: dict[str, str | int | float] | None = None
    notes: str = ""
    backend: Literal["vllm", "sglang", "trtllm"] | None = None

    @pydantic.model_validator(mode="after")
    def _check(self) -> "EngineDescription":
        if any(tp < 1 for tp in self.tps):
            raise ValueError("tp: at least 1")
        if not self.tps:
            raise ValueError("tp: an empty list")
        if self.expert_parallel and not find_model(self.model).expert_layers:
            raise ValueError(f"expert_parallel: {self.model} has no experts")
        if self.max_num_seqs > self.max_num_batched_tokens:
            raise ValueError("max_num_seqs: must not exceed max_num_batched_tokens")
        find_gpu(self.gpu)
        find_model(self.model)
        weight_dtype(self.dtype)
        kv_dtype(self.kv_dtype)
        find_engine(self.engine)
        known_sampling(self.sampling)
        if self.interconnect is not None:
            known_link(self.interconnect)
        return self

    @property
    def served_by(self) -> EngineProfile:
        """The engine with the constants of this description in the place of its own."""
        given = {"step_s": self.constants.step_s, "sequence_s": self.constants.sequence_s}
        return replace(find_engine(self.engine), **{name: value for name, value in given.items() if value is not None})

    @property
    def tps(self) -> tuple[int, ...]:
        """Every tensor-parallel size that this describes."""
        return tuple(self.tp) if isinstance(self.tp, list) else (self.tp,)

    @property
    def together(self) -> int:
        """Replicas that step together, and are simulated as one engine."""
        return self.replicas if self.expert_parallel else 1

    def latency(self, tp: int) -> Profile:
        """Time of its iterations, constants included."""
        gpu, model = find_gpu(self.gpu), find_model(self.model)
        if self.profile is not None:
            found = load(self.profile)
        else:
            weights = model.served_dtype(weight_dtype(self.dtype))
            found = find_profile(gpu, model, tp, weights, kv_dtype(self.kv_dtype))
        found = with_interconnect(found, gpu, model, tp, self.interconnect, self.all_reduce_factor)
        found = with_engine(found, self.served_by, gpu, model, self.sampling, self.max_num_seqs)
        if self.together > 1:
            found = merged(found, gpu, model, self.together, self.max_num_seqs)
        return with_constants(found, self.constants, tp)

    def engines(self, tp: int | None = None) -> list[Engine]:
        """One engine per replica.

        Args:
            tp: One of `tps`; by default the first.

        Raises:
            ValueError: The model does not fit the GPUs.
        """
        tp = self.tps[0] if tp is None else tp
        gpu, model = find_gpu(self.gpu), find_model(self.model)
        weights, cache = model.served_dtype(weight_dtype(self.dtype)), kv_dtype(self.kv_dtype)
        check_tp(model, tp)
        profile = self.latency(tp)
        doubt_pcie(gpu, tp, self.interconnect, self.all_reduce_factor, f"{self.gpu}, {self.model}")
        blocks = self.kv_blocks or kv_blocks(
            gpu,
            model,
            tp,
            weights,
            cache,
            self.gpu_memory_utilization,
            self.max_num_batched_tokens,
            self.max_num_seqs,
            self.block_size_tokens,
        )
        engine = Engine(
            gpu=gpu.name,
            model=model.name,
            tp=tp,
            dtype=weights,
            profile=profile,
            kv_blocks=blocks * self.together,
            max_num_seqs=self.max_num_seqs * self.together,
            max_num_batched_tokens=self.max_num_batched_tokens * self.together,
            max_model_len_tokens=longest_context(model, self.max_model_len_tokens),
            price_per_hour=gpu.price_per_hour * tp,
            kv_bytes_per_token=model.kv_bytes_per_token(cache, tp) * tp,
            estimated=profile.estimated,
            kv_dtype=cache,
            async_scheduling=self.served_by.async_scheduling
            if self.async_scheduling is None
            else self.async_scheduling,
            host_link_bytes_per_s=gpu.host_link_gb_per_s * 1e9 * tp,
        )
        return [engine] * (self.replicas // self.together)


def with_constants(profile: Profile, constants: Constants, tp: int) -> Profile:
    """`profile` with what a description adds beside its engine: to steps with a chunk, and to dense layers."""
    eager_s = constants.eager_s + constants.eager_doubling_s * math.log2(tp)
    changes: dict[str, object] = {}
    if constants.chunk_s is not None:
        changes["chunk_overhead_s"] = constants.chunk_s
    if constants.dense_factor != 1.0:
        changes["dense_s"] = profile.dense_s * constants.dense_factor
    if eager_s > 0:
        knots = np.union1d(profile.dense_tokens, [CAPTURED_TOKENS, CAPTURED_TOKENS + 1.0])
        dense_s = constants.dense_factor * np.array([profile.dense_layers_s(float(n)) for n in knots])
        launched_s = np.where(knots > CAPTURED_TOKENS, np.maximum(dense_s, eager_s), dense_s)
        changes |= {"dense_tokens": knots, "dense_s": launched_s, "parts": {}}
    return profile.replace(**changes) if changes else profile


def load_engine(path: Path | str) -> EngineDescription:
    """Read an engine description.

    Args:
        path: A YAML file, or the name of one that is shipped (`shipped_engines`).

    Raises:
        ValidationError: It cannot be read or is not valid; the message names file and field.
    """
    file = SHIPPED / f"{path}.yaml" if str(path) in shipped_engines() and not _is_file(Path(path)) else Path(path)
    if not _is_file(file):
        shipped = ", ".join(shipped_engines())
        raise ValidationError(f"{path}: no such file, and no shipped engine; shipped are: {shipped}")
    try:
        content, _ = parse(file.read_text(encoding="utf-8-sig"), file.name)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ValidationError(f"{file}: not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValidationError(f"{file}: must be a mapping of fields such as gpu, model, tp")
    for name in ("profile", "model"):
        value = content.get(name)
        if isinstance(value, str) and value.endswith((".json", ".yaml")) and (file.parent / value).is_file():
            content[name] = str(file.parent / value)
    try:
        described = EngineDescription.model_validate(content)
    except pydantic.ValidationError as error:
        raise ValidationError(f"{file}: {_explain(error)}") from error
    if described.profile is not None:
        _check_profile(file, described.profile)
    return described


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have
        return False


def _check_profile(file: Path, profile: Path) -> None:
    """Reads the profile now, so that what is wrong with it is said with its place."""
    try:
        load(profile)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, yaml.YAMLError) as error:
        raise ValidationError(f"{file}: profile: {profile} cannot be read as a profile: {error}") from error


def shipped_engines() -> tuple[str, ...]:
    """Names of the engine descriptions that come with the package."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yaml")))


def _explain(error: pydantic.ValidationError) -> str:
    found = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = f"unknown; known are: {', '.join(EngineDescription.model_fields)}"
        found.append(f"{place}: {message}" if place else message)
    return "; ".join(found)
