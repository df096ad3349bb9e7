"""Memory below HBM, and the links to it and between instances."""

from typing import Annotated, Literal, Self

from pydantic import Field, Strict, model_validator

from agentsim_env.fields.base import Bandwidth, Part, PositiveGib, PositiveNumber, Seconds
from agentsim_env.fields.problems import not_allowed


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

    queue: Literal["fifo", "priority", "distance"] = "fifo"
    """Which transfer a link takes next: the first that came; with `priority` what a waiting turn needs before what is
    brought up ahead of its use, and this before copies that go down; with `distance` likewise, and of what is brought
    up ahead of its use that of the program with the smallest invocation distance."""

    interrupt: Annotated[bool, Strict()] = False
    """Whether what is brought up ahead of its use gives way, at the end of the layer in flight, to what a waiting turn
    needs; it needs a `queue` in which that comes first."""

    instances_per_host: PositiveNumber | None = None
    """Instances, in order, that share a host's memory or a pool; `null`: all."""

    watermark: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of a pool that a copy may leave in use; where it would leave more, a batch of idle blocks goes first."""

    batch_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the blocks in use that such a batch has, at least as many as are short. LMCache: 0.2, above a
    `watermark` of 0.8. 0: only as many as are short."""

    @model_validator(mode="after")
    def _what_waits_comes_first(self) -> Self:
        if self.interrupt and self.queue == "fifo":
            reason = "must be priority or distance with interrupt: a link goes on with what a waiting turn needs"
            raise not_allowed(reason, self.queue, ["queue"])
        return self


class PeerLink(Part):
    """Links between instances: what the HBM of another one has of a waiting turn's context is brought over."""

    link_gb_per_s: Bandwidth | None = None
    """Bandwidth at which each GPU gets KV from other instances, 1e9 bytes per second; 0: nothing moves; `null`: 18.75,
    75 % of a 200 Gb/s network adapter for each GPU (measured 71 % on H800, 82 % on H20). Between instances that share a
    GPU give what a copy there reaches: 0.8 of its link to the host, or, within HBM, 0.4 of its memory's bandwidth."""

    latency_s: Seconds = 1e-3
    """Time of a transfer beside that of its bytes. Measured over RDMA: 0.5-2 ms."""

    queue: Literal["fifo", "priority", "distance"] = "fifo"
    """Which transfer a link takes next; see `tiers`. Nothing is brought over ahead of its use."""
