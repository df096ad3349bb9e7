"""The cells of `h200_swe_agent_lmcache.csv`, replayed."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from agentsim_env.validation.cpu_tier import CpuTier
from agentsim_env.validation.engine_description import EngineDescription, load_engine
from agentsim_env.validation.programs.swe_agent import Cohorts, Steps, capped_steps, read_cohorts, whole_steps
from agentsim_env.validation.replay import Replay, simulate
from agentsim_env.validation.table import Row, rows

ENGINE = "h200_qwen3-8b_tp4"
CELLS = Path("validation", "programs", "h200_swe_agent_lmcache.csv")
COHORTS = Path("traces", "swe_agent_cohorts.jsonl")
CHOSEN_ON = ("capped12", 8, "off")
LATENCIES = ("ttft_p50", "ttft_p90", "decode", "e2e_p50", "e2e_p90")

WRITE_POLICIES = {"eager": "write_through", "lazy": "write_back"}
# LMCache: `--eviction-trigger-watermark` and `--eviction-ratio` as they are by default. Retrievals take 9.0, 13.0 and
# 25.0 ms at 0-2 k, 4-8 k and 16 k tokens and more, and a look-up 7 to 9 ms whatever it finds (AGENTIC_WORKLOAD.md,
# section 6, from the server's log).
TIER = CpuTier(capacity_gib=1.0, link_gb_per_s=147.0, latency_s=0.0085, lookup_s=0.008, watermark=0.8, batch_share=0.2)


class Cell(NamedTuple):
    """One measured run, and the same simulated.

    Attributes:
        slots: Trajectories at a time.
        tier_gib: CPU tier.
        variant: `off`, `eager` or `lazy` with the most stores a step.
        chosen: A constant was chosen on it.
        measured: By name: shares, or milliseconds.
        simulated: Likewise.
    """

    cohort: str
    slots: int
    tier_gib: float
    variant: str
    chosen: bool
    measured: dict[str, float]
    simulated: dict[str, float]

    def error(self, name: str) -> float:
        """Relative error of a latency."""
        return self.simulated[name] / self.measured[name] - 1.0

    def apart(self, name: str) -> float:
        """Difference of a share."""
        return self.simulated[name] - self.measured[name]


def replay_cells(data: Path) -> list[Cell]:
    """Replays every cell; `data` holds `validation/` and `traces/`."""
    cohorts = read_cohorts(data / COHORTS)
    engine = load_engine(ENGINE)
    return [_cell(row, cohorts, engine) for row in rows(data / CELLS)]


def _cell(row: Row, cohorts: Cohorts, engine: EngineDescription) -> Cell:
    cohort, variant, slots = row.text("set"), row.text("variant"), row.count("slots")
    tier_gib = 0.0 if variant == "off" else row.number("l1_gib")
    block_size = engine.block_size_tokens
    steps = capped_steps(cohorts, slots, block_size) if cohort == "capped12" else whole_steps(cohorts, block_size)
    replayed = simulate(steps.programs, _with_tier(engine, variant, tier_gib), name=f"{cohort} {slots} {variant}")
    chosen = (cohort, slots, variant) == CHOSEN_ON
    return Cell(cohort, slots, tier_gib, variant, chosen, _measured(row), _simulated(replayed, steps, cohort))


def _with_tier(engine: EngineDescription, variant: str, tier_gib: float) -> EngineDescription:
    if variant == "off":
        return engine
    policy = WRITE_POLICIES[variant.rstrip("0123456789")]
    tier = TIER.model_copy(update={"capacity_gib": tier_gib, "write_policy": policy})
    return engine.model_copy(update={"cpu_tier": tier})


def _measured(row: Row) -> dict[str, float]:
    columns = {"decode": "decode_ms"} | {name: f"{name}_ms" for name in LATENCIES if name != "decode"}
    found = {name: row.number(column) for name, column in columns.items() if row.has(column)}
    if row.has("coverage_min"):
        # The lower of two runs is the one whose hits in the tier are given.
        coverage, tier_hit = row.number("coverage_min"), row.number("external_hit_max")
        found |= {"coverage": coverage, "tier_hit": tier_hit, "gpu": (coverage - tier_hit) / (1.0 - tier_hit)}
    return found


def _simulated(replayed: Replay, steps: Steps, cohort: str) -> dict[str, float]:
    """Latencies of capped trajectories are those of the steps behind the first; their decode time is the median."""
    requests, found = replayed.requests, replayed.found
    counted = steps.step > 0 if cohort == "capped12" else np.ones(len(steps.step), dtype=bool)
    ttft_ms, e2e_ms = 1e3 * requests.ttft_s[counted], 1e3 * requests.e2e_s[counted]
    decode_ms = e2e_ms - ttft_ms
    return {
        "gpu": found.gpu_coverage,
        "coverage": found.coverage,
        "tier_hit": found.tier_hit,
        "ttft_p50": float(np.quantile(ttft_ms, 0.5)),
        "ttft_p90": float(np.quantile(ttft_ms, 0.9)),
        "decode": float(np.median(decode_ms) if cohort == "capped12" else np.mean(decode_ms)),
        "e2e_p50": float(np.quantile(e2e_ms, 0.5)),
        "e2e_p90": float(np.quantile(e2e_ms, 0.9)),
    }
