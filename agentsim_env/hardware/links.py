"""Links between memories: what copies of KV reach, and how long one takes.

A GPU's own link to its host is in `gpus.yaml` (PCIe 4 x16: 32 GB/s, PCIe 5 x16: 64, NVLink-C2C: 450 a direction).
"""

from agentsim_env.hardware.model import Model

LINK_EFFICIENCY = 0.8
"""What copies of KV reach of a link's nominal rate: 25.3 of 32 GB/s on PCIe 4 (TokenCake, Fig. 17), 54 of 64 on PCIe 5
(H20, host to device)."""

CXL_GB_PER_S = 64.0
"""A GPU's, or a host's, link to a CXL 2.0 pool: PCIe 5 x16 (Beluga)."""

PEER_GB_PER_S = 18.75
"""What a GPU gets from another node: 75 % of a 200 Gb/s adapter (KV moves reach 142 of 200 GB/s on eight H800, 164 on
eight H20)."""


def break_even_bytes_per_s(model: Model, prefix_tokens: int, flops_per_s: float, kv_dtype: str = "bf16") -> float:
    """Bandwidth above which loading the KV of a token is faster than computing it behind a prefix.

    Mooncake's Eq. 2 (FAST'25): KV bytes over FLOPs, of one token, times the rate at which these are computed.
    """
    attended = sum(count * mixer.prefill_operations(1) for count, mixer in model.growing())
    flops = 2 * model.active_layer_weights + attended * prefix_tokens
    return flops_per_s * model.kv_bytes_per_token(kv_dtype) / flops


def transfer_s(n_bytes: float, gb_per_s: float, latency_s: float = 0.0) -> float:
    """Seconds that `n_bytes` take on a link without anything else on it; infinite without bandwidth."""
    return latency_s + n_bytes / (gb_per_s * 1e9) if gb_per_s > 0 else float("inf")
