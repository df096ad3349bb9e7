"""Times between the tokens of a turn, as a client of a streaming server sees them.

Records have the mean over a turn; what harnesses call the p95 of TPOT is the percentile of single gaps, in which a long
prompt shows that stops everybody for once. The simulator leaps over iterations that look alike, so the episode is run
event by event and what each run of iterations took is read from the state.
"""

from typing import NamedTuple

import numpy as np

from agentsim_env import Simulator


class _Run(NamedTuple):
    """A run of iterations: number j of it takes `first_s + slope_s * j`."""

    base_s: float
    first_s: float
    slope_s: float
    iterations: int
    decodes: int
    prefills_only: bool

    @property
    def seconds(self) -> np.ndarray:
        """Duration of each iteration."""
        return self.first_s + self.slope_s * np.arange(self.iterations)


def token_gaps_s(simulator: Simulator) -> np.ndarray:
    """Run the episode of a simulator that has been reset, and return every time between two tokens of a turn.

    Args:
        simulator: A simulation of one instance that preempts nobody.

    Returns:
        Seconds, `f8 [output tokens - turns]`, warm-up included, in no particular order.
    """
    runs = _runs(simulator)
    gaps: list[np.ndarray] = []
    stalled_s = np.zeros(0)  # since the last token of each turn that decodes
    for run in runs:
        stalled_s = np.append(stalled_s, np.zeros(max(0, run.decodes - len(stalled_s))))[: run.decodes]
        if run.prefills_only:
            stalled_s = stalled_s + run.seconds.sum()
            continue
        first_s, *later_s = run.seconds
        gaps += [stalled_s + first_s, np.repeat(later_s, run.decodes)]
        stalled_s = np.zeros(run.decodes)
    return np.concatenate(gaps)


def _runs(simulator: Simulator) -> list[_Run]:
    """All runs of iterations of the only instance, in order."""
    runs: list[_Run] = []
    decodes = 0  # of the next run: turns begin to decode, and end, only at the end of a run

    def look() -> None:
        nonlocal decodes
        row = simulator.state.instance[0]
        base_s, length = float(row["run_base_s"]), int(row["run_length"])
        if length > 0 and runs and runs[-1].base_s == base_s:
            runs[-1] = runs[-1]._replace(iterations=length)  # it may have been cut
        elif length > 0:
            pace = float(row["run_first_s"]), float(row["run_slope_s"])
            runs.append(_Run(base_s, *pace, length, decodes, bool(row["prefills_only"])))
        decodes = int(row["n_decode"])
        simulator.state.world["slice_events"] = 0  # the next pause comes after one event

    simulator.state.world["slice_events"] = 1
    simulator.run(between=look)
    look()
    return runs
