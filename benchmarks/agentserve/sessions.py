"""How many times better AgentServe is by how many calls a session has: each session begins with one cold prompt."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from agentsim_env import Simulator, load_scenario
from benchmarks.agentserve.cells import FIGURES, Figures, episode, slo_of
from benchmarks.agentserve.head_to_head import ROWS, Advantage
from benchmarks.agentserve.systems import SYSTEMS, System
from benchmarks.consumer_gpu.tasks import COMMON, SCENARIO, TWELVE_TASKS, closed_loop

CARD, MODEL, PARADIGM, AGENTS = "RTX A5000", "Llama-3-8B", "react", 6

CALLS = (2, 3, 5, 8)

EPISODE = {"programs": 48, "warmup_programs": 0}
"""Longer than the twelve tasks, so that the burst at the beginning counts for less."""

SHOWN = ("call_tpot_p50_ms", "call_tpot_p95_ms", "ttft_p95_ms", "tok_per_s")


class Sessions(NamedTuple):
    """How many times better AgentServe is than a baseline, with so many calls a session."""

    calls: int
    advantages: list[Advantage]


def sessions(seeds: range) -> list[Sessions]:
    """For each of `CALLS`."""
    return [_with_calls(calls, seeds) for calls in CALLS]


def _with_calls(calls: int, seeds: range) -> Sessions:
    ours = _mean(SYSTEMS["AgentServe"], calls, seeds)
    rows = []
    for baseline in ROWS:
        theirs = _mean(SYSTEMS[baseline], calls, seeds)
        for figure in SHOWN:
            times = getattr(theirs, figure) / getattr(ours, figure)
            rows.append(Advantage(figure, baseline, [1.0 / times if figure == "tok_per_s" else times]))
    return Sessions(calls, rows)


def _mean(system: System, calls: int, seeds: range) -> Figures:
    turns: dict[str, Any] = {"turns": {"values": [calls], "weights": [1]}}
    work = closed_loop(PARADIGM, AGENTS, TWELVE_TASKS[PARADIGM] | COMMON | turns)
    slo = slo_of(CARD, MODEL, PARADIGM)
    simulator = Simulator(load_scenario(SCENARIO, system(CARD, MODEL) | work | slo | {"episode": EPISODE}))
    return Figures(*map(float, np.mean([episode(simulator, seed) for seed in seeds], axis=0)))


def session_lines(found: Sequence[Sessions]) -> list[str]:
    """The table, in Markdown."""
    lines = [
        f"| than | figure | in the paper | {' | '.join(f'{row.calls} calls' for row in found)} |",
        "|---|---|---:|" + "---:|" * len(found),
    ]
    for at, first in enumerate(found[0].advantages):
        least, most = first.reported
        cells = [f"{row.advantages[at].times[0]:.2f}" for row in found]
        head = f"| {first.baseline} | {FIGURES[first.figure].split(',')[0]} | {least:g} to {most:g}"
        lines.append(f"{head} | {' | '.join(cells)} |")
    return lines
