"""Figures of an episode that are cheap enough to compute at the end of each."""

import numpy as np

from agentsim_env.engine.core.state import DONE, FAILED, REJECTED
from agentsim_env.metrics.outcomes import mean_cost_s, outcomes
from agentsim_env.metrics.summary import hit_figures, statistics, ttft_s
from agentsim_env.simulator import Simulator

QUANTILES = ("mean", "p95")
"""Of the figures of `Simulator.summary()`, those that are given here."""


def episode_metrics(simulator: Simulator) -> dict[str, float]:
    """Flat figures of the counted programs so far; a figure without a sample is left out.

    Each has the name, the definition and the value that it has in `Simulator.summary()`, which has all figures at a
    hundred times the cost; docs/metrics.md explains them. Times and hits are those of programs and turns that are
    served: `unserved_share` belongs beside them, and `mean_cost_s`, which charges for those that are not. Besides,
    `seed` is that of the episode, `programs_ended` counts programs that are done, failed or rejected, and `simulated_s`
    is the time of the end.
    """
    state = simulator.state
    warmup = simulator.scenario.episode.warmup_programs
    run = state.program_run[warmup:]
    first_turn = int(simulator.programs.program["first_turn"][warmup])
    turn = state.turn_run[first_turn:]
    done, failed, rejected = (run["state"] == how for how in (DONE, FAILED, REJECTED))
    ended = done | failed | rejected
    figures = {
        "seed": float(simulator.seed),
        "simulated_s": simulator.now,
        "programs_ended": float(ended.sum()),
        "preemptions": float(turn["preemptions"].sum()),
        **outcomes(done, failed, rejected),
        **_few("jct_s", run["end_s"][done] - run["arrived_s"][done]),
        **_few("ttft_s", ttft_s(turn)),
        **hit_figures(turn, state.turn["prompt_tokens"][first_turn:]),
    }
    if done.any():
        figures["mean_gap_s"] = float(run["gap_s"][done].mean())
    of = run[ended]
    return figures | mean_cost_s(of["arrived_s"], of["end_s"], of["gap_s"], ~done[ended], simulator.scenario.reward)


def _few(name: str, values: np.ndarray) -> dict[str, float]:
    figures = statistics(name, values)
    return {f"{label}_{name}": figures[f"{label}_{name}"] for label in QUANTILES if figures}
