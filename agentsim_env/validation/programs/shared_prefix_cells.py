"""Shared prefixes on H100: CPU tiers (`llmd_shared_prefix_tiers_h100.csv`), routing (`..._routing_h100.csv`)."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from agentsim_env.validation.cpu_tier import CpuTier
from agentsim_env.validation.engine_description import EngineDescription, load_engine
from agentsim_env.validation.measurements import Stage
from agentsim_env.validation.programs.shared_prefix import Prompts, StageResult, run_clients, run_stages
from agentsim_env.validation.table import Row, rows

FOLDER = Path("validation", "programs")
DENSE = "h100_qwen3-32b_tp2_x8"
SPARSE = "h100_gpt-oss-120b_x16"
DENSE_TIER_GIB = 200.0  # of each replica, as the report says
SPARSE_TIER_GIB = 100.0
DENSE_STAGES = tuple(Stage(rate, 60.0) for rate in (5.0, 10.0, 20.0, 40.0))
"""The stages of the report, of a minute each."""
SPARSE_STAGES = tuple(Stage(rate, 60.0) for rate in (5.0, 10.0, 20.0, 30.0, 40.0))
CLIENT_KV_BLOCKS = 9271
CLIENT_TIER_GIB = 100.0
CLIENT_TREE_TOKENS = 31_250 * 16
"""What the gateway's prefix scorer remembers of each server by default: `lruCapacityPerServer` blocks of 64 letters."""
ROUTING_STAGES = tuple(
    Stage(float(rate), float(seconds))
    for rate, seconds in (
        *((15, 50), (3, 20), (10, 20), (15, 20), (20, 38), (22, 34), (25, 30), (30, 25), (35, 21), (40, 38), (43, 36)),
        *((46, 33), (49, 30), (52, 29), (55, 27), (57, 26), (60, 25)),
    )
)
"""A warm-up, then the stages of the guide."""
NOISE = 0.10
"""How far equal machines differ (README of the measurements: by 10 to 16 %)."""
GPU_ROUTER = "llm_d"
TREE_ROUTER = "cache_aware"
"""A router that knows GPU and CPU: it remembers what it has sent, as much as both hold."""


class Pair(NamedTuple):
    """Two runs that differ in one thing, at one rate; `base` is the one without it.

    Attributes:
        name: Model and rate.
        metric: What is compared.
        measured: Base and other.
        simulated: Likewise.
    """

    name: str
    metric: str
    measured: tuple[float, float]
    simulated: tuple[float, float]

    @property
    def ratios(self) -> tuple[float, float]:
        """Other over base, measured and simulated."""
        return self.measured[1] / self.measured[0], self.simulated[1] / self.simulated[0]

    @property
    def ratio_error(self) -> float:
        """Relative error of the ratio."""
        one, other = self.ratios
        return other / one - 1.0

    @property
    def agrees_in_sign(self) -> bool:
        """Whether both ratios are above 1, both below it, or both so near that single runs do not tell."""
        one, other = self.ratios
        return _side(one) == _side(other)


def _side(ratio: float) -> int:
    return 0 if abs(ratio - 1.0) <= NOISE else (1 if ratio > 1.0 else -1)


def tier_pairs(data: Path) -> list[Pair]:
    """With and without a CPU tier, in stages of growing rate."""
    found = list(rows(data / FOLDER / "llmd_shared_prefix_tiers_h100.csv"))
    dense = [row for row in found if row.text("report") == "tiered_gpu"]
    sparse = [row for row in found if row.text("report") == "tiered_gpt_oss"]
    return [
        *_tier_pairs("Qwen3-32B", dense, load_engine(DENSE), 250, DENSE_TIER_GIB, DENSE_STAGES, "total_tok_s"),
        *_tier_pairs("gpt-oss-120b", sparse, load_engine(SPARSE), 1000, SPARSE_TIER_GIB, SPARSE_STAGES, ""),
    ]


def _tier_pairs(
    model: str,
    found: Sequence[Row],
    engine: EngineDescription,
    groups: int,
    tier_gib: float,
    stages: tuple[Stage, ...],
    throughput: str,
) -> list[Pair]:
    prompts = Prompts(groups, 5, 16_000, 256, 256)
    plain = _run(prompts, stages, engine, GPU_ROUTER, 0.0)
    tiered = _run(prompts, stages, engine, TREE_ROUTER, tier_gib)
    columns = {"ttft_mean_s": "TTFT mean", "e2e_mean_s": "end to end mean"}
    columns |= {throughput: "tokens/s"} if throughput else {}
    pairs = []
    for rate in sorted({row.number("rate_or_concurrency") for row in found}):
        base, other = (_one(found, rate, "tiers", tiers) for tiers in ("none", "cpu"))
        pairs += _pairs(f"{model}, {rate:g}/s", columns, base, other, plain[rate], tiered[rate])
    return pairs


def _pairs(
    name: str, columns: dict[str, str], base: Row, other: Row, plain: StageResult, changed: StageResult
) -> list[Pair]:
    return [
        Pair(
            name,
            metric,
            (base.number(column), other.number(column)),
            (getattr(plain, column), getattr(changed, column)),
        )
        for column, metric in columns.items()
    ]


def client_pairs(data: Path) -> list[Pair]:
    """With and without a CPU tier, 45 clients in a closed loop; a router that remembers what it has sent in both."""
    found = list(rows(data / FOLDER / "llmd_shared_prefix_tiers_h100.csv"))
    engine = load_engine(DENSE).model_copy(update={"kv_blocks": CLIENT_KV_BLOCKS})
    options: dict[str, object] = {"router_tree_tokens": CLIENT_TREE_TOKENS}
    columns = {"ttft_mean_s": "TTFT mean", "e2e_mean_s": "end to end mean", "total_tok_s": "tokens/s"}
    pairs = []
    for prefix in (30_000, 8_000):
        prompts = Prompts(45, 10, prefix, 256, 1_024)
        at = [row for row in found if row.text("report") == "cpu_readme" and row.count("prefix_tokens") == prefix]
        base, other = (next(row for row in at if row.text("tiers") == tiers) for tiers in ("none", "cpu100gb"))
        tiered = engine.model_copy(update={"cpu_tier": CpuTier(capacity_gib=CLIENT_TIER_GIB)})
        plain, changed = (run_clients(prompts, 45, one, TREE_ROUTER, options) for one in (engine, tiered))
        pairs += _pairs(f"Qwen3-32B, 45 clients, prefix {prefix:,}", columns, base, other, plain, changed)
    return pairs


def routing_pairs(data: Path) -> list[Pair]:
    """Prefix-aware routing against round robin, on vLLM."""
    found = [row for row in rows(data / FOLDER / "llmd_shared_prefix_routing_h100.csv") if row.text("engine") == "vllm"]
    pairs = []
    for model, engine, prompts in (
        ("Qwen3-32B", load_engine(DENSE), Prompts(150, 5, 6_000, 1_200, 1_000)),
        ("gpt-oss-120b", load_engine(SPARSE), Prompts(150, 5, 6_000, 500, 500)),
    ):
        of_model = [row for row in found if row.text("model") == model]
        plain = _run(prompts, ROUTING_STAGES, engine, "round_robin", 0.0)
        aware = _run(prompts, ROUTING_STAGES, engine, GPU_ROUTER, 0.0)
        for rate in sorted({row.number("rate") for row in of_model}):
            base, other = (_one(of_model, rate, "router", name) for name in ("round_robin", "prefix_affinity"))
            for column, name in (("output_tok_s", "output tokens/s"), ("ttft_mean_s", "TTFT mean")):
                if base.has(column):
                    measured = base.number(column), other.number(column)
                    simulated = getattr(plain[rate], column), getattr(aware[rate], column)
                    pairs.append(Pair(f"{model}, {rate:g}/s", name, measured, simulated))
    return pairs


def _run(
    prompts: Prompts, stages: tuple[Stage, ...], engine: EngineDescription, router: str, tier_gib: float
) -> dict[float, StageResult]:
    """Results by rate; of a rate that comes twice, the later."""
    tokens = engine.engines()[0].kv_blocks * engine.block_size_tokens
    if tier_gib:
        tier = CpuTier(capacity_gib=tier_gib)
        tokens += int(tier_gib * 2**30 / engine.engines()[0].kv_bytes_per_token)
        engine = engine.model_copy(update={"cpu_tier": tier})
    results = run_stages(prompts, stages, engine, router, {"router_tree_tokens": tokens})
    return {result.rate_per_s: result for result in results}


def _one(found: Sequence[Row], rate: float, column: str, value: str) -> Row:
    rate_column = "rate" if found[0].has("rate") else "rate_or_concurrency"
    return next(row for row in found if row.number(rate_column) == rate and row.text(column) == value)
