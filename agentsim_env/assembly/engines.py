"""The serving engines of a scenario's cluster."""

from collections import Counter
from dataclasses import replace
from functools import lru_cache

from agentsim_env.hardware import Engine, UnknownHardwareError, find_gpu, find_model, find_profile, kv_blocks
from agentsim_env.hardware.adapters import adapter_bytes
from agentsim_env.hardware.dtypes import kv_dtype, weight_dtype
from agentsim_env.hardware.engine_profiles import find_engine, with_engine
from agentsim_env.hardware.engines import longest_context
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.interconnect import doubt_pcie, with_interconnect
from agentsim_env.hardware.lanes import Lanes
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.profile import Profile
from agentsim_env.hardware.tensor_parallel import check_tp
from agentsim_env.scenario import Scenario, ScenarioError
from agentsim_env.scenario import lanes as described
from agentsim_env.scenario.cluster import Cluster
from agentsim_env.scenario.instance import Instance

_KEPT = 64


def engines_of(scenario: Scenario) -> list[Engine]:
    """The engines of a scenario's cluster; see `resolve`.

    Raises:
        ScenarioError: Something of the hardware is not known, or a model does not fit its GPUs.
    """
    try:
        return resolve(scenario.cluster)
    except ValueError as error:
        raise ScenarioError(f"{scenario.name}: {error}") from error


def resolve(cluster: Cluster) -> list[Engine]:
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
            gpu, link = find_gpu(instance.gpu), instance.interconnect
            doubt_pcie(gpu, instance.tp, link, instance.all_reduce_factor, f"cluster.instances.{i}")
        except UnknownHardwareError as error:
            raise UnknownHardwareError(f"cluster.instances.{i}: {error}") from error
        engines += [engine] * instance.count
    return _one_price(engines)


def _one_price(engines: list[Engine]) -> list[Engine]:
    """Instances that share a GPU pay for it together."""
    sharing = Counter(engine.shares_gpu for engine in engines)
    return [
        engine
        if engine.shares_gpu is None
        else replace(engine, price_per_hour=engine.price_per_hour / sharing[engine.shares_gpu])
        for engine in engines
    ]


def _engine(instance: Instance, model_name: str, block_size: int) -> Engine:
    gpu, model = find_gpu(instance.gpu), find_model(model_name)
    weights, cache = model.served_dtype(weight_dtype(instance.dtype)), kv_dtype(instance.kv_dtype)
    check_tp(model, instance.tp)
    served = find_engine(instance.engine)
    link, stack = (instance.interconnect, instance.all_reduce_factor), (served.name, instance.sampling)
    profile = _profile(gpu, model, instance.tp, (weights, cache), link, stack, instance.max_num_seqs)
    slots, one_bytes = _adapters(instance, model)
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
        slots * one_bytes / instance.tp,
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
        shares_gpu=instance.shares_gpu,
        lanes=_lanes(instance),
        async_scheduling=served.async_scheduling if instance.async_scheduling is None else instance.async_scheduling,
        kv_dtype=cache,
        host_link_bytes_per_s=gpu.host_link_gb_per_s * 1e9 * instance.tp,
        adapter_slots=slots,
        adapter_bytes=one_bytes,
    )


@lru_cache(maxsize=_KEPT)
def _profile(
    gpu: Gpu,
    model: Model,
    tp: int,
    dtypes: tuple[str, str],
    link: tuple[str | None, float],
    stack: tuple[str, str],
    max_num_seqs: int,
) -> Profile:
    """The latency profile of an instance; equal ones are the same object.

    Args:
        gpu: Its GPU.
        model: The model.
        tp: GPUs that it spreads the model over.
        dtypes: Types of weights and of the KV cache.
        link: Link between its GPUs, and by how much all-reduces are longer.
        stack: Engine, and how it draws tokens.
        max_num_seqs: Turns in its batch at most.
    """
    profile = with_interconnect(find_profile(gpu, model, tp, *dtypes), gpu, model, tp, *link)
    return with_engine(profile, find_engine(stack[0]), gpu, model, stack[1], max_num_seqs)


def _adapters(instance: Instance, model: Model) -> tuple[int, float]:
    """Slots of adapters, and bytes of one."""
    given = instance.adapters
    if given is None:
        return 0, 0.0
    return given.slots, float(adapter_bytes(model, given.rank) if given.bytes is None else given.bytes)


def _lanes(instance: Instance) -> Lanes | None:
    """How an instance divides its GPU, if it has two lanes."""
    if instance.mode != "two_lanes":
        return None
    return Lanes(**(instance.lanes or described.Lanes()).model_dump())
