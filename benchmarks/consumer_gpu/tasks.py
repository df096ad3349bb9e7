"""The work of agents on one consumer GPU: the twelve tasks of the reproduction, and who does them."""

from collections.abc import Mapping
from typing import Any

SCENARIO = "consumer_gpu"

EPISODE = {"programs": 12, "warmup_programs": 0}
"""Twelve sessions, all of them counted."""

TWELVE_TASKS: dict[str, dict[str, Any]] = {
    "react": {
        "tool_append_tokens": {"mean": 53.9, "sd": 6, "min": 41, "max": 67},
        "output_tokens": {"mean": 37.8, "sd": 4, "min": 27, "max": 45},
    },
    "plan_and_execute": {
        "tool_append_tokens": {"mean": 235.7, "sd": 17, "min": 201, "max": 274},
        "output_tokens": {"mean": 58.3, "sd": 4, "min": 49, "max": 67},
    },
}
"""Sizes of the twelve tasks, by paradigm: range and mean of OneKV's data/traces/distribution_summary.json; the standard
deviation is a quarter of the range."""

COMMON: dict[str, Any] = {
    # Cold prefills of 1,456 to 3,488 tokens, mean 2,627, of which the system prompt is 120; 40 calls of tools.
    "first_tokens": {"mean": 2_507, "sd": 500, "min": 1_336, "max": 3_368},
    "turns": {"values": [3, 4, 5], "weights": [3, 2, 7]},
    "tools": [{"name": "api", "share": 1.0, "gap_s": 0.0}],
}
"""What both paradigms have of it."""


def closed_loop(paradigm: str, agents: int, params: Mapping[str, Any]) -> dict[str, Any]:
    """Changes of the scenario: each agent has one session of a paradigm after the other."""
    return {"workload.mix": [{"family": paradigm, "params": dict(params)}], "workload.arrivals.users": agents}
