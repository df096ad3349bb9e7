"""What is promised of programs that take steps together, and of what they say of their next calls."""

from numbers import Real

import numpy as np

from agentsim_env.limits import LONGEST_S, MOST_PROGRAMS, MOST_STEPS
from agentsim_env.workload.programs import Programs
from agentsim_env.workload.refusing import InvalidProgramsError, check_range, refuse

_STEPS = f"must be -1, or a step before {MOST_STEPS:,}"


def n_steps(programs: Programs) -> np.ndarray:
    """Steps of each society: up to the last in which a turn stands or a report is made, `int64 [societies]`."""
    last = np.full(len(programs.step_s), -1, np.int64)
    if len(last) == 0:
        return last + 1
    for rows in (programs.turn, programs.report):
        society = programs.program["society"][rows["program"]]
        there = (rows["step"] >= 0) & (society >= 0)
        np.maximum.at(last, society[there], rows["step"][there])
    return last + 1


def check_societies(programs: Programs) -> None:
    """Checks adapters, societies, steps and reports.

    Raises:
        InvalidProgramsError: At the first entry that breaks a promise, or that would wait for itself.
    """
    program, turn = programs.program, programs.turn
    _check_lengths(programs)
    adapters = f"must be -1, or an adapter before {MOST_PROGRAMS:,}"
    check_range(program["adapter"], "program.adapter", -1, MOST_PROGRAMS - 1, adapters)
    n = len(programs.step_s)
    check_range(program["society"], "program.society", -1, n - 1, f"must be -1, or one of the {n} of step_s")
    check_range(turn["step"], "turn.step", -1, MOST_STEPS - 1, _STEPS)
    in_steps = turn["step"] >= 0
    if in_steps.any():
        alone = in_steps & (program["society"][turn["program"]] < 0)
        refuse(alone, lambda t: f"turn {t}: step = {turn['step'][t]}: must be -1: its program is in no society")
        _check_order(programs)
    _check_reports(programs)
    if (total := int(n_steps(programs).sum())) > MOST_STEPS:
        raise InvalidProgramsError(f"the societies have {total:,} steps together; at most {MOST_STEPS:,}")


def _check_lengths(programs: Programs) -> None:
    if not isinstance(programs.step_s, tuple):
        raise InvalidProgramsError("step_s: must be a tuple")
    for i, step_s in enumerate(programs.step_s):
        if not isinstance(step_s, Real) or isinstance(step_s, bool) or not 0 <= step_s <= LONGEST_S:
            raise InvalidProgramsError(f"step_s: entry {i} is {step_s!r:.60}: must be in 0 .. {LONGEST_S:g} seconds")


def _check_order(programs: Programs) -> None:
    """No turn of a step waits, over edges, for one of a later step: that step would wait for it in turn."""
    step = programs.turn["step"].tolist()
    source = np.repeat(np.arange(len(step)), programs.turn["n_edges"]).tolist()
    latest = list(step)  # of a turn and all that it waits for
    for before, after in zip(source, programs.edge["target"].tolist(), strict=True):
        latest[after] = max(latest[after], latest[before])
        if 0 <= step[after] < latest[before]:
            reason = f"must be at least {latest[before]}, as it waits for a turn of that step"
            raise InvalidProgramsError(f"turn {after}: step = {step[after]}: {reason}")


def _check_reports(programs: Programs) -> None:
    report, n_turns = programs.report, len(programs.turn)
    if len(report) == 0:
        return
    owner, step, turn = report["program"], report["step"], report["turn"]
    announced = report["announced"]
    allowed = f"must be in 0 .. {LONGEST_S:g}"
    check_range(announced, "report.announced", 0.0, LONGEST_S, allowed)
    n = len(programs.program)
    check_range(owner, "report.program", 0, n - 1, f"there are {n} programs")
    check_range(step, "report.step", -1, MOST_STEPS - 1, _STEPS)
    check_range(turn, "report.turn", -1, n_turns - 1, f"must be -1, or one of the {n_turns} turns")
    refuse(
        (step >= 0) == (turn >= 0),
        lambda i: f"report {i}: step = {step[i]}, turn = {turn[i]}: must be one of them, the other -1",
    )
    refuse(
        (step >= 0) & (programs.program["society"][owner] < 0),
        lambda i: f"report {i}: step = {step[i]}: must be -1: program {owner[i]} is in no society",
    )
    refuse(
        (turn >= 0) & (programs.turn["program"][turn] != owner),
        lambda i: f"report {i}: turn = {turn[i]}: of another program than {owner[i]}",
    )
    _, first = np.unique(turn, return_index=True)
    again = turn >= 0
    again[first] = False
    refuse(again, lambda i: f"report {i}: turn = {turn[i]}: another report is made at its end")
