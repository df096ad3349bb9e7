"""Figures of an episode that are cheap enough to compute at the end of each."""

import numpy as np

from agentsim_env.simulator import Simulator


def episode_metrics(simulator: Simulator) -> dict[str, float]:
    """Flat figures of the counted programs that have ended; a figure without a sample is left out.

    `Simulator.summary()` has all figures, at a hundred times the cost.
    """
    state = simulator.state
    warmup = simulator.scenario.episode.warmup_programs
    run = state.program_run[warmup:]
    first_turn = int(simulator.programs.program["first_turn"][warmup])
    turn = state.turn_run[first_turn:]
    ended = ~np.isnan(run["end_s"])
    figures: dict[str, float] = {
        "seed": float(simulator.seed),
        "programs_ended": float(ended.sum()),
        "programs_failed": float(state.world["n_charged"][0]),
        "simulated_s": float(state.world["now_s"][0]),
        "preemptions": float(turn["preemptions"].sum()),
    }
    if ended.any():
        jct_s = run["end_s"][ended] - run["arrived_s"][ended]
        figures["mean_jct_s"] = float(jct_s.mean())
        figures["p95_jct_s"] = float(np.quantile(jct_s, 0.95))
        figures["mean_gap_s"] = float(run["gap_s"][ended].mean())
    served = ~np.isnan(turn["first_token_s"])
    if served.any():
        figures["mean_ttft_s"] = float((turn["first_token_s"][served] - turn["ready_s"][served]).mean())
    looked_up = state.turn["prompt_tokens"][first_turn:][~np.isnan(turn["scheduled_s"])].sum(dtype=np.int64)
    if looked_up:
        figures["hit_rate"] = float(turn["hit_tokens"].sum(dtype=np.int64) / looked_up)
    return figures
