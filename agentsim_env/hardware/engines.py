"""A serving engine: what an instance of a cluster is, with every number filled in."""

from dataclasses import dataclass

from agentsim_env.hardware.dtypes import UnknownHardwareError
from agentsim_env.hardware.lanes import Lanes
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.profile import Profile


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
        async_scheduling: It forms an iteration while the one before it is computed.
        adapter_slots: Adapters that its HBM has room for.
        adapter_bytes: Bytes of an adapter, all ranks together.
        shares_gpu: Name of the GPU that it shares with other instances; None: it shares with nobody.
        lanes: How it divides the GPU, if its mode is `two_lanes`.
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
    async_scheduling: bool = False
    shares_gpu: str | None = None
    kv_dtype: str = "bf16"
    host_link_bytes_per_s: float = 0.0
    adapter_slots: int = 0
    adapter_bytes: float = 0.0
    lanes: Lanes | None = None


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
