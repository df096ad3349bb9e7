"""Figures of a cell of the comparison: a system on a card with a model, and so many agents of a paradigm."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from agentsim_env import Simulator, load_scenario
from benchmarks.agentserve.systems import SYSTEMS, System
from benchmarks.consumer_gpu.objectives import objectives
from benchmarks.consumer_gpu.runs import nearest
from benchmarks.consumer_gpu.tasks import COMMON, EPISODE, SCENARIO, TWELVE_TASKS, closed_loop
from benchmarks.consumer_gpu.token_gaps import token_times

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
        call_tpot_p50_ms: Median over the calls of their time per token behind the first.
        call_tpot_p95_ms: Its 95th percentile.
        step_p95_ms: 95th percentile of the times of the iterations that these tokens come from.
        cold_ttft_ms: Median time to the first token of a session.
        cold_prefill_ms: Mean of the same from when its prompt is begun.
        ttft_p50_ms: Median time to the first token of a call.
        ttft_mean_ms: Its mean.
        ttft_p95_ms: Its 95th percentile.
        resume_ttft_p95_ms: The same of all calls but the first of each session.
        tok_per_s: Generated tokens over the length of the episode.
    """

    tpot_p50_ms: float
    tpot_p95_ms: float
    tpot_variance_ms2: float
    call_tpot_p50_ms: float
    call_tpot_p95_ms: float
    step_p95_ms: float
    cold_ttft_ms: float
    cold_prefill_ms: float
    ttft_p50_ms: float
    ttft_mean_ms: float
    ttft_p95_ms: float
    resume_ttft_p95_ms: float
    tok_per_s: float


FIGURES = {
    "tpot_p50_ms": "TPOT p50, ms",
    "tpot_p95_ms": "TPOT p95, ms",
    "tpot_variance_ms2": "TPOT variance, ms²",
    "call_tpot_p50_ms": "TPOT of a call p50, ms",
    "call_tpot_p95_ms": "TPOT of a call p95, ms",
    "step_p95_ms": "decode step p95, ms",
    "cold_ttft_ms": "cold TTFT p50, ms",
    "cold_prefill_ms": "cold prefill, mean, ms",
    "ttft_p50_ms": "TTFT p50, ms",
    "ttft_mean_ms": "TTFT mean, ms",
    "ttft_p95_ms": "TTFT p95, ms",
    "resume_ttft_p95_ms": "TTFT p95 of resumes, ms",
    "tok_per_s": "tokens per second",
}
"""How the page calls the fields of `Figures`."""


@cache
def figures(system: System, cell: Cell, seeds: range) -> np.ndarray:
    """Figures of the twelve tasks without tool wait, an episode a seed, `f8 [seeds, figures]`."""
    simulator = Simulator(load_scenario(SCENARIO, changes_of(system, cell) | {"episode": EPISODE}))
    return np.array([episode(simulator, seed) for seed in seeds])


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


def episode(simulator: Simulator, seed: int) -> Figures:
    """Figures of an episode, of all its sessions."""
    simulator.reset(seed)
    times = token_times(simulator)
    gaps_ms, steps_ms = 1e3 * times.gaps_s, 1e3 * times.steps_s
    turns = simulator.records().turns
    ttft_ms = 1e3 * (turns["first_token_s"] - turns["ready_s"])
    prefill_ms = 1e3 * (turns["first_token_s"] - turns["scheduled_s"])
    cold = turns["turn_index"] == 0
    more = turns["output_tokens"] > 1
    call_ms = 1e3 * (turns["end_s"] - turns["first_token_s"])[more] / (turns["output_tokens"][more] - 1)
    return Figures(
        tpot_p50_ms=nearest(gaps_ms, 0.5),
        tpot_p95_ms=nearest(gaps_ms, 0.95),
        tpot_variance_ms2=float(gaps_ms.var()),
        call_tpot_p50_ms=nearest(call_ms, 0.5),
        call_tpot_p95_ms=nearest(call_ms, 0.95),
        step_p95_ms=nearest(steps_ms, 0.95),
        cold_ttft_ms=nearest(ttft_ms[cold], 0.5),
        cold_prefill_ms=float(prefill_ms[cold].mean()),
        ttft_p50_ms=nearest(ttft_ms, 0.5),
        ttft_mean_ms=float(ttft_ms.mean()),
        ttft_p95_ms=nearest(ttft_ms, 0.95),
        resume_ttft_p95_ms=nearest(ttft_ms[~cold], 0.95),
        tok_per_s=float(turns["output_tokens"].sum() / turns["end_s"].max()),
    )
