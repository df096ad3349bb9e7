"""The measured runs, simulated: what is set for each, and its figures."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from agentsim_env import Simulator, load_scenario
from benchmarks.consumer_gpu.objectives import objectives, share_within
from benchmarks.consumer_gpu.tasks import COMMON, EPISODE, SCENARIO, TWELVE_TASKS, closed_loop
from benchmarks.consumer_gpu.token_gaps import token_gaps_s

AGENTS = range(1, 7)

ENGINES: dict[str, dict[str, Any]] = {
    "vLLM": {"mode": "mixed", "max_num_batched_tokens": 2048},
    "llama.cpp": {"mode": "mixed", "max_num_batched_tokens": 512},
    "whole prompts": {"mode": "prefill_first", "max_num_batched_tokens": 2048},
}
"""Fields of the instance by engine. `llama-server` puts a token of each decode into a batch, then prompts up to
`n_batch`, which the measured run had at 512; so it is `mixed` too. Whole prompts are what the paper says of it."""

SHARED = {"tool_schema_tokens": 2_223, "first_tokens": 350}
"""The prompt of the sweep: 2,693 tokens, 87 % of them the same in all sessions."""


class Figures(NamedTuple):
    """Figures of an episode."""

    tpot_p50_ms: float
    tpot_p95_ms: float
    cold_ttft_ms: float
    tok_per_s: float


def twelve_tasks(model: str, paradigm: str, engine: str, agents: int, seeds: Sequence[int]) -> np.ndarray:
    """Figures of the twelve tasks without tool wait, `f8 [seeds, figures]`."""
    return _figures(model, paradigm, engine, agents, TWELVE_TASKS[paradigm] | COMMON, seeds)


def sweep(engine: str, agents: int, shared: bool, seeds: Sequence[int]) -> np.ndarray:
    """Figures of the sweep over agents with tool calls of 200 ms, prompts shared or not, `f8 [seeds, figures]`."""
    return _figures("Qwen2.5-3B", "react", engine, agents, SHARED if shared else {}, seeds)


def _figures(
    model: str, paradigm: str, engine: str, agents: int, params: Mapping[str, Any], seeds: Sequence[int]
) -> np.ndarray:
    changes = _changes(model, "RTX 3090", paradigm, engine, agents, params)
    simulator = Simulator(load_scenario(SCENARIO, changes | {"episode": EPISODE}))
    return np.array([_episode(simulator, seed) for seed in seeds])


def _changes(
    model: str, gpu: str, paradigm: str, engine: str, agents: int, params: Mapping[str, Any]
) -> dict[str, Any]:
    cluster = {"cluster.model": model, "cluster.instances": [{"gpu": gpu, **ENGINES[engine]}]}
    return cluster | closed_loop(paradigm, agents, params)


def _episode(simulator: Simulator, seed: int) -> Figures:
    simulator.reset(seed)
    gaps_s = token_gaps_s(simulator)
    turns = simulator.records().turns
    cold = turns[turns["turn_index"] == 0]
    return Figures(
        tpot_p50_ms=1e3 * nearest(gaps_s, 0.5),
        tpot_p95_ms=1e3 * nearest(gaps_s, 0.95),
        cold_ttft_ms=1e3 * nearest(cold["first_token_s"] - cold["ready_s"], 0.5),
        tok_per_s=float(turns["output_tokens"].sum() / turns["end_s"].max()),
    )


def nearest(values: np.ndarray, quantile: float) -> float:
    """The quantile as the reproduction takes it: one of the values, the upper one where two are as near."""
    ordered = np.sort(values)
    return float(ordered[round(quantile * (len(ordered) - 1) + 1e-9)])


def within_slo(gpu: str, model: str, factor: float, seeds: Sequence[int]) -> dict[str, list[float]]:
    """Share of ReAct agents within the objectives, by engine, for each of `AGENTS`.

    Args:
        gpu: The card.
        model: The model.
        factor: The objectives for TTFT and TPOT are so many times what one agent alone gets: its median cold TTFT and
            TPOT with vLLM's batches.
        seeds: A seed an episode.
    """
    slo = objectives(_changes(model, gpu, "react", "vLLM", 1, {}), factor, seeds[0])
    return {
        engine: [share_within(_changes(model, gpu, "react", engine, n, {}) | slo, seeds) for n in AGENTS]
        for engine in ENGINES
    }
