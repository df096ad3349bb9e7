"""Objectives for TTFT and TPOT, as multiples of what one agent alone gets, and who meets them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agentsim_env import Simulator, load_scenario
from benchmarks.consumer_gpu.tasks import SCENARIO


def objectives(alone: Mapping[str, Any], factor: float, seed: int) -> dict[str, Any]:
    """Changes of the scenario: `factor` times the median cold TTFT and TPOT.

    Args:
        alone: Changes of the scenario for one agent.
        factor: How many times as long a call may take.
        seed: Of the episode of that agent.
    """
    simulator = Simulator(load_scenario(SCENARIO, dict(alone)))
    simulator.reset(seed)
    simulator.run()
    turns = simulator.records().counted_turns
    cold = turns[turns["turn_index"] == 0]
    ttft_s = float(np.median(cold["first_token_s"] - cold["ready_s"]))
    return {"slo": {"ttft_s": factor * ttft_s, "tpot_s": factor * simulator.summary()["p50_tpot_s"]}}


def share_within(changes: Mapping[str, Any], seeds: Sequence[int]) -> float:
    """Share of the agents all of whose calls meet the objectives that are among the changes, mean over the seeds."""
    simulator = Simulator(load_scenario(SCENARIO, dict(changes)))
    shares = []
    for seed in seeds:
        simulator.reset(seed)
        simulator.run()
        shares.append(simulator.summary()["programs_in_slo"])
    return float(np.mean(shares))
