"""The trace in this simulator."""

import time
from pathlib import Path

import numpy as np

from agentsim_env import Scenario, Simulator, load_scenario
from agentsim_env.load import prepare
from agentsim_env.workload import Programs
from agentsim_env.workload.traces import read_trace
from benchmarks.peers.outcome import Outcome

AS_THERE = {"cluster.frontend_s": 0.0, "episode.warmup_programs": 0}
"""AISimulate has no time in front of the engines, and counts every program."""

ROUTER = "round_robin"
"""How its engine stack places requests."""


def replay(scenario: Scenario, programs: Programs, trace: Path, runs: int) -> Outcome:
    """Replay the programs that a trace was written from.

    Not those that are read from it, where no program shares KV with another one: AISimulate finds the blocks of all.

    Raises:
        ValueError: What is read from the trace has other turns.
    """
    _check(programs, trace)
    begun_s = time.perf_counter()
    simulator = Simulator(load_scenario(scenario, AS_THERE), rules={"route_turn": ROUTER}, source=prepare(scenario))
    _run(simulator, programs)
    figures = simulator.summary()
    command_s = time.perf_counter() - begun_s
    return Outcome(
        turns=int(figures["turns"]),
        prompt_tokens=int(figures["prompt_tokens"]),
        output_tokens=int(figures["output_tokens"]),
        turns_per_s=[_run(simulator, programs) for _ in range(runs)],
        command_s=command_s,
        mean_jct_s=figures["mean_jct_s"],
        mean_ttft_s=figures["mean_ttft_s"],
        mean_tpot_s=figures["mean_tpot_s"],
        hit_rate=figures["hit_rate"],
    )


def _check(programs: Programs, trace: Path) -> None:
    read = read_trace(trace).programs
    for name in ("program", "prompt_tokens", "new_tokens", "output_tokens", "n_edges"):
        if not np.array_equal(read.turn[name], programs.turn[name]):
            raise ValueError(f"{trace} has other turns than it was written from: {name} differs")


def _run(simulator: Simulator, programs: Programs) -> float:
    simulator.reset(0, programs)
    begun_s = time.perf_counter()
    simulator.run()
    return len(programs.turn) / (time.perf_counter() - begun_s)
