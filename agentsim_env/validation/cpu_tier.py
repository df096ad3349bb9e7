"""Memory of the host below the KV cache of an engine, as an engine description tells it."""

from collections.abc import Sequence
from typing import Any, Literal

import pydantic

from agentsim_env.engine.blueprint import Tier
from agentsim_env.hardware import Engine
from agentsim_env.hardware.links import LINK_EFFICIENCY

GIB = 2**30
STAGING_GIB = 4.0  # as in scenarios


class CpuTier(pydantic.BaseModel):
    """A CPU tier of each replica.

    Attributes:
        capacity_gib: Memory for KV.
        write_policy: `write_through`: what a turn leaves is stored as it ends (eager); `write_back`: when the GPU is to
            give it up (lazy).
        link_gb_per_s: Bandwidth of all GPUs of a replica together, 1e9 bytes per second in each direction; by default
            80 % of their links to the host.
        latency_s: Of a transfer, beside that of its bytes.
        lookup_s: What asking for a prompt takes, before the request is queued; part of TTFT, whatever is found.
        watermark: Share of the memory that may be in use before a batch of old KV goes.
        batch_share: Share of the KV in use that goes then; 0: only what is short.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    capacity_gib: float = pydantic.Field(gt=0, le=1e6)
    write_policy: Literal["write_through", "write_back"] = "write_through"
    link_gb_per_s: float | None = pydantic.Field(default=None, gt=0, le=1e6)
    latency_s: float = pydantic.Field(default=10e-6, ge=0, le=3600)
    lookup_s: float = pydantic.Field(default=0.0, ge=0, le=3600)
    watermark: float = pydantic.Field(default=1.0, gt=0, le=1)
    batch_share: float = pydantic.Field(default=0.0, ge=0, le=1)

    def memory(self, engines: Sequence[Engine], block_size: int) -> dict[str, Any]:
        """What `Blueprint` has to know of it, a pool for each replica."""
        rates = [self._bytes_per_s(engine) for engine in engines]
        tier = Tier(
            kind="dram",
            blocks=int(self.capacity_gib * GIB // (engines[0].kv_bytes_per_token * block_size)),
            pool_of=range(len(engines)),
            down_bytes_per_s=rates,
            up_bytes_per_s=rates,
            latency_s=self.latency_s,
            watermark=self.watermark,
            batch_share=self.batch_share,
        )
        return {"tiers": [tier], "write_policy": self.write_policy, "staging_bytes": STAGING_GIB * GIB}

    def _bytes_per_s(self, engine: Engine) -> float:
        if self.link_gb_per_s is not None:
            return self.link_gb_per_s * 1e9
        return LINK_EFFICIENCY * engine.host_link_bytes_per_s
