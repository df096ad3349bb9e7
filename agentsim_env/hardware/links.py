"""Links between memories: what copies of KV reach, and how long one takes.

A GPU's own link to its host is in `gpus.yaml` (PCIe 4 x16: 32 GB/s, PCIe 5 x16: 64, NVLink-C2C: 450 a direction).
"""

LINK_EFFICIENCY = 0.8
"""What copies of KV reach of a link's nominal rate: 25.3 of 32 GB/s on PCIe 4 (TokenCake, Fig. 17), 54 of 64 on PCIe 5
(H20, host to device)."""

CXL_GB_PER_S = 64.0
"""A GPU's, or a host's, link to a CXL 2.0 pool: PCIe 5 x16 (Beluga)."""

PEER_GB_PER_S = 18.75
"""What a GPU gets from another node: 75 % of a 200 Gb/s adapter (KV moves reach 142 of 200 GB/s on eight H800, 164 on
eight H20)."""


def transfer_s(n_bytes: float, gb_per_s: float, latency_s: float = 0.0) -> float:
    """Seconds that `n_bytes` take on a link without anything else on it; infinite without bandwidth."""
    return latency_s + n_bytes / (gb_per_s * 1e9) if gb_per_s > 0 else float("inf")
