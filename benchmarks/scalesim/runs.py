"""Figures of episodes."""

from typing import Any, NamedTuple

import numpy as np

from agentsim_env import Simulator, load_scenario
from benchmarks.scalesim.settings import WARM_STEPS

SCENARIO = "agent_world"


class Figures(NamedTuple):
    """Figures of a world, from step `WARM_STEPS` on; means over the seeds.

    Attributes:
        step_s: Mean time of a step: the inverse of the speed of the simulated world.
        ttft_s: Mean time to the first token of a call, from the begin of its step.
        recomputed_tokens: Prompt tokens of a call that its agent had had before, and that were computed again.
        wasted_gb: What transfers have moved for nothing in a step, from the first on.
    """

    step_s: float
    ttft_s: float
    recomputed_tokens: float
    wasted_gb: float


def figures(system: dict[str, Any], setting: dict[str, Any], seeds: range, **more: Any) -> Figures:
    """Figures of a system in a setting, given as changes of the scenario."""
    simulator = Simulator(load_scenario(SCENARIO, system | setting | more))
    return Figures(*map(float, np.mean([_episode(simulator, seed) for seed in seeds], axis=0)))


def _episode(simulator: Simulator, seed: int) -> Figures:
    simulator.reset(seed)
    simulator.run()
    records = simulator.records()
    steps = records.steps[(records.steps["step"] >= WARM_STEPS) & (records.steps["calls"] > 0)]
    turns = records.turns[simulator.programs.turn["step"] >= WARM_STEPS]
    return Figures(
        step_s=float((steps["ended_s"] - steps["begun_s"]).mean()),
        ttft_s=float((turns["first_token_s"] - turns["ready_s"]).mean()),
        recomputed_tokens=float(turns["recomputed_tokens"].mean()),
        wasted_gb=float(records.instances["wasted_bytes"].sum()) / 1e9 / len(records.steps),
    )
