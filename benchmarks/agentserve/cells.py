"""Figures of a cell of the comparison: a system on a card with a model, and so many agents of a paradigm."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from agentsim_env import Simulator, load_scenario
from benchmarks.agentserve.systems import SYSTEMS, System
from benchmarks.consumer_gpu.objectives import objectives
from benchmarks.consumer_gpu.runs import nearest
from benchmarks.consumer_gpu.tasks import COMMON, EPISODE, SCENARIO, TWELVE_TASKS, closed_loop
from benchmarks.consumer_gpu.token_gaps import token_gaps_s

FACTOR = 2.0
"""The objectives are so many times what one agent alone gets; the paper has a constant, too, and does not say which."""


class Cell(NamedTuple):
    """What is simulated beside the system."""

    gpu: str
    model: str
    paradigm: str
    agents: int


class Figures(NamedTuple):
    """Figures of an episode.

    Attributes:
        tpot_p50_ms: Median of the times between two tokens of a call.
        tpot_p95_ms: Their 95th percentile.
        tpot_variance_ms2: Their variance.
        cold_ttft_ms: Median time to the first token of a session.
        ttft_p95_ms: 95th percentile of the time to the first token of a call.
        tok_per_s: Generated tokens over the length of the episode.
    """

    tpot_p50_ms: float
    tpot_p95_ms: float
    tpot_variance_ms2: float
    cold_ttft_ms: float
    ttft_p95_ms: float
    tok_per_s: float


FIGURES = {
    "tpot_p50_ms": "TPOT p50, ms",
    "tpot_p95_ms": "TPOT p95, ms",
    "tpot_variance_ms2": "TPOT variance, ms²",
    "cold_ttft_ms": "cold TTFT p50, ms",
    "ttft_p95_ms": "TTFT p95, ms",
    "tok_per_s": "tokens per second",
}
"""How the page calls the fields of `Figures`."""


@cache
def figures(system: System, cell: Cell, seeds: range) -> np.ndarray:
    """Figures of the twelve tasks without tool wait, an episode a seed, `f8 [seeds, figures]`."""
    simulator = Simulator(load_scenario(SCENARIO, changes_of(system, cell) | {"episode": EPISODE}))
    return np.array([_episode(simulator, seed) for seed in seeds])


def mean(system: System, cell: Cell, seeds: range) -> Figures:
    """Mean over the seeds of each figure."""
    return Figures(*map(float, figures(system, cell, seeds).mean(axis=0)))


def changes_of(system: System, cell: Cell) -> dict[str, Any]:
    """Changes of the scenario, without the length of an episode."""
    tasks = TWELVE_TASKS[cell.paradigm] | COMMON
    work = closed_loop(cell.paradigm, cell.agents, tasks)
    return system(cell.gpu, cell.model) | work | slo_of(cell.gpu, cell.model, cell.paradigm)


@cache
def slo_of(gpu: str, model: str, paradigm: str) -> dict[str, Any]:
    """Changes of the scenario: `FACTOR` times what one agent alone gets from vLLM's engine."""
    return objectives(SYSTEMS["vLLM"](gpu, model) | closed_loop(paradigm, 1, {}), FACTOR, seed=0)


def _episode(simulator: Simulator, seed: int) -> Figures:
    simulator.reset(seed)
    gaps_ms = 1e3 * token_gaps_s(simulator)
    turns = simulator.records().turns
    ttft_ms = 1e3 * (turns["first_token_s"] - turns["ready_s"])
    return Figures(
        tpot_p50_ms=nearest(gaps_ms, 0.5),
        tpot_p95_ms=nearest(gaps_ms, 0.95),
        tpot_variance_ms2=float(gaps_ms.var()),
        cold_ttft_ms=nearest(ttft_ms[turns["turn_index"] == 0], 0.5),
        ttft_p95_ms=nearest(ttft_ms, 0.95),
        tok_per_s=float(turns["output_tokens"].sum() / turns["end_s"].max()),
    )
