"""What programs have that are agents of a world, beside their turns."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from agentsim_env.workload.programs import REPORT


class Agents(NamedTuple):
    """Agents of one family, or programs of several of which some are agents.

    Attributes:
        prefix_end_tokens: Tokens from the start of its contexts to the end of what they have in common and no other
            program has, 0 for nothing, shape (programs,).
        society: Society of each program, counted from 0, -1 for none, shape (programs,).
        adapter: Adapter of each program, counted from 0, -1 for none, shape (programs,).
        step: Step of each turn, -1 for none, shape (turns,).
        step_s: Least length of a step of each society, in seconds.
        report: `REPORT` array with programs and turns numbered as here.
    """

    prefix_end_tokens: np.ndarray
    society: np.ndarray
    adapter: np.ndarray
    step: np.ndarray
    step_s: tuple[float, ...]
    report: np.ndarray

    @classmethod
    def none(cls, n_programs: int, n_turns: int) -> Self:
        """Programs that are no agents."""
        nothing = np.full(n_programs, -1)
        return cls(np.zeros(n_programs, np.int64), nothing, nothing, np.full(n_turns, -1), (), np.zeros(0, REPORT))


def merge_agents(parts: Sequence[Agents], order: np.ndarray, moved_to: np.ndarray) -> Agents:
    """Interleaves the agents of several draws, which share neither societies nor adapters.

    Args:
        parts: The draws.
        order: Program among the concatenated ones that comes i-th.
        moved_to: New number of each turn of the concatenated draws.
    """
    first_program = np.cumsum([0, *(len(part.society) for part in parts)])
    first_turn = np.cumsum([0, *(len(part.step) for part in parts)])
    first_society = np.cumsum([0, *(len(part.step_s) for part in parts)])
    first_adapter = np.cumsum([0, *(int(part.adapter.max(initial=-1)) + 1 for part in parts)])
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    step = np.empty(len(moved_to), np.int64)
    step[moved_to] = np.concatenate([part.step for part in parts])
    report = np.concatenate([part.report for part in parts])
    n_reports = [len(part.report) for part in parts]
    report["program"] = place[report["program"] + np.repeat(first_program[:-1], n_reports)]
    after = report["turn"] >= 0
    report["turn"][after] = moved_to[(report["turn"] + np.repeat(first_turn[:-1], n_reports))[after]]
    return Agents(
        prefix_end_tokens=np.concatenate([part.prefix_end_tokens for part in parts])[order],
        society=_shifted([part.society for part in parts], first_society)[order],
        adapter=_shifted([part.adapter for part in parts], first_adapter)[order],
        step=step,
        step_s=tuple(step_s for part in parts for step_s in part.step_s),
        report=report,
    )


def _shifted(parts: Sequence[np.ndarray], first: np.ndarray) -> np.ndarray:
    """Indices of several draws, each counted from its first; -1 stays."""
    return np.concatenate([np.where(part >= 0, part + start, -1) for part, start in zip(parts, first, strict=False)])
