"""Times between the tokens of a turn, as a client of a streaming server sees them.

Records have the mean over a turn; what harnesses call the p95 of TPOT is the percentile of single gaps, in which a long
prompt shows that stops everybody for once. The simulator leaps over iterations that look alike, so the episode is run
event by event and what each run of iterations took is read from the state.
"""

from typing import NamedTuple

import numpy as np

from agentsim_env import Simulator

_ROUNDING = 1e-9


class _Run(NamedTuple):
    """A run of iterations: number j of it takes `first_s + slope_s * j`."""

    base_s: float
    first_s: float
    slope_s: float
    iterations: int
    prefills_only: bool

    @property
    def ends_s(self) -> np.ndarray:
        """End of each iteration."""
        j = np.arange(self.iterations)
        return self.base_s + ((j + 1) * self.first_s + self.slope_s * (j * (j + 1) // 2))

    @property
    def took_s(self) -> np.ndarray:
        """Time of each iteration."""
        return self.first_s + self.slope_s * np.arange(self.iterations)


class TokenTimes(NamedTuple):
    """Two times of every token but the first of each turn, seconds, `f8 [output tokens - turns]`, turn by turn.

    Attributes:
        gaps_s: Since the token before it.
        steps_s: Of the iteration that it comes from: what other iterations take in between is not in it.
    """

    gaps_s: np.ndarray
    steps_s: np.ndarray


def token_gaps_s(simulator: Simulator) -> np.ndarray:
    """Run the episode of a simulator that has been reset, and return every time between two tokens of a turn.

    Args:
        simulator: A simulation whose instances do not fail.

    Returns:
        Seconds, `f8 [output tokens - turns]`, warm-up included, turn by turn.
    """
    return token_times(simulator).gaps_s


def token_times(simulator: Simulator) -> TokenTimes:
    """Run the episode of a simulator that has been reset, and return the times of its tokens, warm-up included.

    A turn has its last tokens at the ends of the last iterations of the instance that it ends on. The pause of one that
    was preempted is put behind its first token.

    Args:
        simulator: A simulation whose instances do not fail.
    """
    decoding = [[run for run in runs if not run.prefills_only] for runs in _runs(simulator)]
    ends_s = [np.concatenate([run.ends_s for run in runs] or [np.zeros(0)]) for runs in decoding]
    took_s = [np.concatenate([run.took_s for run in runs] or [np.zeros(0)]) for runs in decoding]
    gaps: list[np.ndarray] = []
    steps: list[np.ndarray] = []
    for turn in simulator.records().turns:
        later = int(turn["output_tokens"]) - 1
        if later > 0:
            times_s = ends_s[turn["instance"]]
            stop = int(times_s.searchsorted(turn["end_s"] * (1 + _ROUNDING), side="right"))
            gaps.append(np.diff(times_s[stop - later : stop], prepend=turn["first_token_s"]))
            steps.append(took_s[turn["instance"]][stop - later : stop])
    return TokenTimes(np.concatenate(gaps), np.concatenate(steps))


def _runs(simulator: Simulator) -> list[list[_Run]]:
    """All runs of iterations of each instance, in order."""
    runs: list[list[_Run]] = [[] for _ in simulator.state.instance]

    def look() -> None:
        for row, known in zip(simulator.state.instance, runs, strict=True):
            base_s, length = float(row["run_base_s"]), int(row["run_length"])
            if length == 0:
                continue
            if known and known[-1].base_s == base_s:
                known[-1] = known[-1]._replace(iterations=length)  # it may have been cut
            else:
                pace = float(row["run_first_s"]), float(row["run_slope_s"])
                known.append(_Run(base_s, *pace, length, bool(row["prefills_only"])))
        simulator.state.world["slice_events"] = 0  # the next pause comes after one event

    simulator.state.world["slice_events"] = 1
    simulator.run(between=look)
    look()
    return runs
