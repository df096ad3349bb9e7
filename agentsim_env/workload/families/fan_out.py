"""The order of the turns of programs that fan out to sub-agents."""

from typing import NamedTuple

import numpy as np


class Plan(NamedTuple):
    """Runs of turns: the main agent's, and after each of them but the last those of the sub-agents it starts.

    Attributes:
        n_turns: Turns of each program, shape (programs,).
        program_first: First turn of each program.
        run_turns: Turns of each run, shape (runs,), program by program and in topological order.
        first: First turn of each run.
        run_context: Context of each run: the program's number for the main agent, numbers above for sub-agents.
        is_sub_turn: True for turns of sub-agents, shape (turns,).
        sub_runs: Runs of sub-agents, shape (sub-agents,).
        fork_runs: Run of the main agent that each sub-agent is started after.
        join_runs: Run of the main agent that waits for each sub-agent.
        eldest_sub_runs: The first sub-agent's run in each program that has one.
    """

    n_turns: np.ndarray
    program_first: np.ndarray
    run_turns: np.ndarray
    first: np.ndarray
    run_context: np.ndarray
    is_sub_turn: np.ndarray
    sub_runs: np.ndarray
    fork_runs: np.ndarray
    join_runs: np.ndarray
    eldest_sub_runs: np.ndarray

    @property
    def total_turns(self) -> int:
        """Turns of all programs."""
        return len(self.is_sub_turn)


def plan_runs(
    main_turns: np.ndarray,
    fan_outs: np.ndarray,
    widths: np.ndarray,
    sub_turns: np.ndarray,
    rng: np.random.Generator,
) -> Plan:
    """Puts runs in order.

    Args:
        main_turns: Turns of each main agent, more than it has fan-outs.
        fan_outs: Fan-outs of each program.
        widths: Sub-agents of each fan-out.
        sub_turns: Turns of each sub-agent.
        rng: Generator for where in the main agent's turns the fan-outs are.
    """
    n, n_runs = len(main_turns), int(fan_outs.sum()) + len(main_turns) + len(sub_turns)
    piece_turns, owner, is_last_piece = _pieces(main_turns, fan_outs, rng)
    followers = np.zeros(len(owner), np.int64)
    followers[~is_last_piece] = widths
    main_runs = np.arange(len(owner)) + np.cumsum(followers) - followers
    is_sub = np.ones(n_runs, bool)
    is_sub[main_runs] = False
    sub_runs = np.flatnonzero(is_sub)

    fork_piece = np.repeat(np.flatnonzero(~is_last_piece), widths)
    run_turns, program = np.empty(n_runs, np.int64), np.empty(n_runs, np.int64)
    run_turns[main_runs], run_turns[sub_runs] = piece_turns, sub_turns
    program[main_runs], program[sub_runs] = owner, owner[fork_piece]
    run_context = program.copy()
    run_context[sub_runs] = n + np.arange(len(sub_runs))
    n_turns = np.bincount(program, weights=run_turns, minlength=n).astype(np.int64)
    return Plan(
        n_turns=n_turns,
        program_first=np.cumsum(n_turns) - n_turns,
        run_turns=run_turns,
        first=np.cumsum(run_turns) - run_turns,
        run_context=run_context,
        is_sub_turn=np.repeat(is_sub, run_turns),
        sub_runs=sub_runs,
        fork_runs=main_runs[fork_piece],
        join_runs=main_runs[fork_piece + 1],
        eldest_sub_runs=sub_runs[np.diff(program[sub_runs], prepend=-1) != 0],
    )


def _pieces(
    main_turns: np.ndarray, fan_outs: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cuts each main agent's turns at random into one piece more than it has fan-outs, at least one turn each."""
    pieces = fan_outs + 1
    last = np.cumsum(pieces) - 1
    owner = np.repeat(np.arange(len(main_turns)), pieces)
    cuts = rng.random(len(owner))
    cuts[last] = 1.0
    cuts = np.sort(cuts + owner) - owner
    spare = main_turns - pieces
    ends = np.floor(cuts * spare[owner]).astype(np.int64)
    ends[last] = spare
    begins = np.concatenate([[0], ends[:-1]])
    begins[last - fan_outs] = 0
    is_last = np.zeros(len(owner), bool)
    is_last[last] = True
    return 1 + ends - begins, owner, is_last
