"""The two lanes of each instance that has them, as an episode begins."""

from typing import Any

import numpy as np

from agentsim_env.engine.blueprint.blueprint import Blueprint, EngineLike
from agentsim_env.engine.blueprint.reserved import reserved
from agentsim_env.engine.core.state import LANES, NONE
from agentsim_env.hardware.lanes import DECODE_DEMAND, PREFILL_THROUGHPUT, SATURATING_TOKENS, SHARPNESS, SM_LIMITED

Arrays = dict[str, np.ndarray]


def lanes_of(blueprint: Blueprint) -> Arrays:
    """Rows of the lanes of all instances, and what they add up; nothing where no instance has two."""
    n = len(blueprint.engines) if blueprint.has_lanes else 0
    rows = reserved(n, LANES)
    most_slots = 0
    for row, engine in zip(rows, blueprint.engines, strict=False):
        if engine.mode == "two_lanes":
            _fill(row, engine)
            most_slots = max(most_slots, engine.lanes.slots)
    for name in ("prefilling", "ended_head", "ended_tail"):
        rows[name] = NONE
    return {
        "lanes": rows,
        "slot_s": np.zeros((n, most_slots + 1)),
        "budget_grid_tokens": np.array(blueprint.budget_grid_tokens, "i4"),
        "prefill_throughput": np.array(PREFILL_THROUGHPUT),
    }


def _fill(row: np.void, engine: EngineLike) -> None:
    lanes = engine.lanes
    for name in ("slots", "decode_slot", "partition", "work_conserving", "decode_share", "rebind_s", "interference"):
        row[name] = getattr(lanes, name)
    row["budget_tokens"] = lanes.prefill_budget_tokens
    row["sm_limited"], row["sharpness"] = SM_LIMITED, SHARPNESS
    row["decode_demand"], row["saturating_tokens"] = DECODE_DEMAND, SATURATING_TOKENS
    row["floor_s"], row["token_s"] = _dense(engine.profile)
    # At the beginning the first lane that works has the whole GPU.
    row["decode_bound"] = row["prefill_bound"] = 1.0


def _dense(profile: Any) -> tuple[float, float]:
    """Time of one token in dense layers, which memory limits, and the compute of a token.

    That is what a token adds at the end of the table, where nothing else limits.
    """
    tokens, seconds = np.asarray(profile.dense_tokens, float), np.asarray(profile.dense_s, float)
    per_token_s = float((seconds[-1] - seconds[-2]) / (tokens[-1] - tokens[-2])) if len(tokens) > 1 else 0.0
    return float(seconds[0]), max(0.0, per_token_s)
