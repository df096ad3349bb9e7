"""The serving engines of a cluster: what a scenario names, with every number filled in."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentsim_env.hardware import catalog
from agentsim_env.hardware.dtypes import UnknownHardwareError, kv_dtype, weight_dtype
from agentsim_env.hardware.kv_capacity import kv_blocks
from agentsim_env.hardware.library import find_profile
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.profile import Profile
from agentsim_env.hardware.tensor_parallel import check_tp

if TYPE_CHECKING:
    from agentsim_env.scenario.cluster import Cluster, Instance


@dataclass(frozen=True)
class Engine:
    """One serving instance: one model on `tp` GPUs.

    Attributes:
        profile: Latency of its iterations.
        kv_blocks: KV blocks of its HBM pool.
        price_per_hour: US dollars for all its GPUs.
        kv_bytes_per_token: Bytes of KV of one token, all ranks together.
        estimated: Latency is not (wholly) measured on this GPU and model.
        start_s: When it can serve.
        failures: (start, length) of each planned outage, seconds.
        mode: How it shares the GPU between prefill and decode.
        host_link_bytes_per_s: Link of all its GPUs to host memory, bytes per second and direction.
    """

    gpu: str
    model: str
    tp: int
    dtype: str
    profile: Profile
    kv_blocks: int
    max_num_seqs: int
    max_num_batched_tokens: int
    max_model_len_tokens: int
    price_per_hour: float
    kv_bytes_per_token: int
    estimated: bool
    start_s: float = 0.0
    failures: tuple[tuple[float, float], ...] = ()
    mode: str = "mixed"
    kv_dtype: str = "bf16"
    host_link_bytes_per_s: float = 0.0


def resolve(cluster: "Cluster") -> list[Engine]:
    """The engines of `cluster`, one per instance, in the order of the scenario.

    Raises:
        UnknownHardwareError: If a GPU, model or number format is not known (the message lists those that are), or no
            engine would start: the model does not fit its GPUs, `tp` does not divide its heads, or
            `max_model_len_tokens` is more than it is made for.
    """
    engines: list[Engine] = []
    for i, instance in enumerate(cluster.instances):
        try:
            engine = _engine(instance, cluster.model, cluster.block_size_tokens)
        except UnknownHardwareError as error:
            raise UnknownHardwareError(f"cluster.instances.{i}: {error}") from error
        engines += [engine] * instance.count
    return engines


def longest_context(model: Model, asked_tokens: int | None) -> int:
    """Longest context of an engine: what is asked for, by default what the model is made for.

    Raises:
        UnknownHardwareError: If more is asked for than the model is made for.
    """
    if asked_tokens is None:
        return model.max_context_tokens
    most = model.max_context_tokens
    if asked_tokens > most:
        raise UnknownHardwareError(
            f"max_model_len_tokens {asked_tokens}: {model.name} is made for contexts of at most {most} tokens"
        )
    return asked_tokens


def _engine(instance: "Instance", model_name: str, block_size: int) -> Engine:
    gpu, model = catalog.find_gpu(instance.gpu), catalog.find_model(model_name)
    weights, cache = model.served_dtype(weight_dtype(instance.dtype)), kv_dtype(instance.kv_dtype)
    check_tp(model, instance.tp)
    profile = find_profile(gpu, model, instance.tp, weights, cache)
    blocks = instance.kv_blocks or kv_blocks(
        gpu,
        model,
        instance.tp,
        weights,
        cache,
        instance.gpu_memory_utilization,
        instance.max_num_batched_tokens,
        instance.max_num_seqs,
        block_size,
    )
    price = gpu.price_per_hour if instance.price_per_hour is None else instance.price_per_hour
    return Engine(
        gpu=gpu.name,
        model=model.name,
        tp=instance.tp,
        dtype=weights,
        profile=profile,
        kv_blocks=blocks,
        max_num_seqs=instance.max_num_seqs,
        max_num_batched_tokens=instance.max_num_batched_tokens,
        max_model_len_tokens=longest_context(model, instance.max_model_len_tokens),
        price_per_hour=price * instance.tp,
        kv_bytes_per_token=model.kv_bytes_per_token(cache, instance.tp) * instance.tp,
        estimated=profile.estimated,
        start_s=instance.start_s,
        failures=tuple((failure.at_s, failure.down_s) for failure in instance.failures),
        mode=instance.mode,
        kv_dtype=cache,
        host_link_bytes_per_s=gpu.host_link_gb_per_s * 1e9 * instance.tp,
    )
