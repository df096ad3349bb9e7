"""Prefill and decode apart, with and without a CPU tier on the prefill side (`llmd_pd_tiers_h200.csv`)."""

from dataclasses import replace
from pathlib import Path

from agentsim_env.engine.blueprint import Peer
from agentsim_env.hardware.links import PEER_GB_PER_S
from agentsim_env.validation.cpu_tier import CpuTier
from agentsim_env.validation.engine_description import load_engine
from agentsim_env.validation.measurements import Stage
from agentsim_env.validation.programs.shared_prefix import Prompts, run_stages
from agentsim_env.validation.programs.shared_prefix_cells import Pair
from agentsim_env.validation.table import rows

PREFILL, DECODE = "h200_gpt-oss-120b_prefill", "h200_gpt-oss-120b_decode"
N_PREFILL, N_DECODE = 8, 2
TIER_GIB = 100.0  # of each prefill replica
PROMPTS = Prompts(1000, 5, 16_000, 256, 256)
STAGES = tuple(Stage(float(rate), 60.0) for rate in range(5, 45, 5))
LATENCY_S = 1e-3


def pd_pairs(data: Path) -> list[Pair]:
    """P90 of end to end without and with the tier, the router knowing it, at each rate."""
    found = [
        row
        for row in rows(data / "validation" / "programs" / "llmd_pd_tiers_h200.csv")
        if row.text("workload") == "eviction_1000x16000"
    ]
    plain, tiered = _e2e_p90_by_rate(0.0, "llm_d"), _e2e_p90_by_rate(TIER_GIB, "cache_aware")
    pairs = []
    for rate in sorted({row.number("target_qps") for row in found}):
        at_rate = [row for row in found if row.number("target_qps") == rate]
        base = next(row for row in at_rate if row.text("tiers") == "none")
        other = next(row for row in at_rate if row.text("router_cpu_aware") == "1")
        measured = base.number("e2e_p90_s"), other.number("e2e_p90_s")
        name = f"gpt-oss-120b, 8 prefill and 2 decode, {rate:g}/s"
        pairs.append(Pair(name, "end to end p90", measured, (plain[rate], tiered[rate])))
    return pairs


def _e2e_p90_by_rate(tier_gib: float, router: str) -> dict[float, float]:
    prefill, decode = load_engine(PREFILL), load_engine(DECODE)
    engines = [replace(engine, mode="prefill") for engine in prefill.engines() * N_PREFILL]
    engines += [replace(engine, mode="decode") for engine in decode.engines() * N_DECODE]
    tokens = engines[0].kv_blocks * prefill.block_size_tokens
    tokens += int(tier_gib * 2**30 / engines[0].kv_bytes_per_token)
    tier = CpuTier(capacity_gib=tier_gib) if tier_gib else None
    # NIXL brings KV to the decode side alone: prefill replicas get nothing from others.
    rates = [PEER_GB_PER_S * 1e9 * engine.tp if engine.mode == "decode" else 0.0 for engine in engines]
    peer = Peer(rates, LATENCY_S)
    results = run_stages(
        PROMPTS,
        STAGES,
        prefill.model_copy(update={"cpu_tier": tier}),
        router,
        {"peer": peer, "router_tree_tokens": tokens},
        engines,
    )
    return {result.rate_per_s: result.e2e_p90_s for result in results}
